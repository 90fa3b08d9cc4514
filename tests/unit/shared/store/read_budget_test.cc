// SPDX-License-Identifier: ISC
// Who has to wait for room, and for how long.
#include "shared/store/read_budget.h"

#include <map>
#include <string>

#include "testing.h"

namespace {

using restante::store::ReadBudget;

struct Visitors {
  void come(const std::string& name, std::uint64_t bytes) {
    budget.acquire(bytes, [this, name](ReadBudget::Reservation reservation) {
      order += name;
      inside[name] = std::move(reservation);
    });
  }
  void go(const std::string& name) {
    const ReadBudget::Reservation reservation = std::move(inside[name]);
    inside.erase(name);
  }

  std::string order;
  std::map<std::string, ReadBudget::Reservation> inside;
  ReadBudget budget{100};
};

TEST(who_finds_room_enters_at_once) {
  Visitors visitors;
  visitors.come("a", 60);
  visitors.come("b", 40);
  visitors.come("c", 1);
  assert_same(visitors.order, "ab");
  visitors.go("b");
  assert_same(visitors.order, "abc");
}

TEST(nobody_overtakes) {
  Visitors visitors;
  visitors.come("a", 90);
  visitors.come("b", 50);
  visitors.come("c", 10);
  assert_same(visitors.order, "a");
  visitors.go("a");
  assert_same(visitors.order, "abc");
}

TEST(one_alone_may_be_larger_than_all) {
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

TEST(many_that_are_through_at_once_do_not_nest) {
  ReadBudget budget(1);
  ReadBudget::Reservation first;
  std::size_t through = 0;
  budget.acquire(1, [&](ReadBudget::Reservation reservation) { first = std::move(reservation); });
  for (int i = 0; i < 200'000; ++i)
    budget.acquire(1, [&](const ReadBudget::Reservation&) { ++through; });
  assert_int_equal(through, 0);
  first.reset();
  assert_int_equal(through, 200'000);
}

TEST(a_reservation_may_outlive_the_budget) {
  ReadBudget::Reservation reservation;
  ReadBudget(5).acquire(1, [&](ReadBudget::Reservation mine) { reservation = std::move(mine); });
  reservation.reset();
}

}  // namespace
