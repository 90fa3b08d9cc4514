// SPDX-License-Identifier: ISC
// Clients take turns, and each keeps its own order.
#include "smtpd/turns.h"

#include "testing.h"

namespace {

using restante::smtpd::Turns;

std::string all(Turns<std::string>& turns) {
  std::string order;
  while (!turns.empty()) {
    if (turns.front().empty()) fail_test("front");
    order += turns.pop() + " ";
  }
  return order;
}

TEST(clients_take_turns) {
  Turns<std::string> turns;
  for (const char* item : {"a1", "a2", "a3", "a4", "b1", "c1", "c2"}) {
    turns.push(std::string(1, item[0]), item);
  }
  assert_same(all(turns), "a1 b1 c1 a2 c2 a3 a4 ");
}

TEST(who_comes_later_waits_for_one_of_each_client) {
  Turns<std::string> turns;
  for (int i = 0; i < 3; ++i) turns.push("a", "a" + std::to_string(i));
  assert_same(turns.pop(), "a0");
  turns.push("b", "b0");
  assert_same(all(turns), "a1 b0 a2 ");
  turns.push("a", "a3");
  assert_same(all(turns), "a3 ");
}

}  // namespace
