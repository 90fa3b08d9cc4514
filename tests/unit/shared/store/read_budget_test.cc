// SPDX-License-Identifier: ISC
// Who has to wait for room, and for how long.
#include "shared/store/read_budget.h"

#include <map>
#include <string>

#include "testing.h"

namespace {

using restante::ReadBudget;

struct Visitors {
  void come(const std::string& name, std::uint64_t bytes) {
    budget.take(bytes, [this, name](ReadBudget::Place place) {
      order += name;
      inside[name] = std::move(place);
    });
  }
  void go(const std::string& name) {
    const ReadBudget::Place place = std::move(inside[name]);
    inside.erase(name);
  }

  std::string order;
  std::map<std::string, ReadBudget::Place> inside;
  ReadBudget budget{100};
};

void who_finds_room_enters_at_once(void**) {
  Visitors visitors;
  visitors.come("a", 60);
  visitors.come("b", 40);
  visitors.come("c", 1);
  assert_same(visitors.order, "ab");
  visitors.go("b");
  assert_same(visitors.order, "abc");
}

void nobody_overtakes(void**) {
  Visitors visitors;
  visitors.come("a", 90);
  visitors.come("b", 50);
  visitors.come("c", 10);
  assert_same(visitors.order, "a");
  visitors.go("a");
  assert_same(visitors.order, "abc");
}

void one_alone_may_be_larger_than_all(void**) {
  Visitors visitors;
  visitors.come("a", 1000);
  visitors.come("b", 1);
  assert_same(visitors.order, "a");
  visitors.go("a");
  visitors.come("c", UINT64_MAX);
  assert_same(visitors.order, "ab");
  visitors.go("b");
  assert_same(visitors.order, "abc");
}

void many_that_are_through_at_once_do_not_nest(void**) {
  ReadBudget budget(1);
  ReadBudget::Place first;
  std::size_t through = 0;
  budget.take(1, [&](ReadBudget::Place place) { first = std::move(place); });
  for (int i = 0; i < 200'000; ++i) budget.take(1, [&](const ReadBudget::Place&) { ++through; });
  assert_int_equal(through, 0);
  first.reset();
  assert_int_equal(through, 200'000);
}

void a_place_may_outlive_the_budget(void**) {
  ReadBudget::Place place;
  ReadBudget(5).take(1, [&](ReadBudget::Place mine) { place = std::move(mine); });
  place.reset();
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(who_finds_room_enters_at_once),
      cmocka_unit_test(nobody_overtakes),
      cmocka_unit_test(one_alone_may_be_larger_than_all),
      cmocka_unit_test(many_that_are_through_at_once_do_not_nest),
      cmocka_unit_test(a_place_may_outlive_the_budget),
  };
  return cmocka_run_group_tests_name("read_budget", tests, nullptr, nullptr);
}
