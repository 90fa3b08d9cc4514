// SPDX-License-Identifier: ISC
// Places of clients: so many each, given back at the end, and nothing left behind.
#include "smtpd/protocol/client_table.h"

#include <vector>

#include "testing.h"

namespace {

using namespace restante::smtpd;

TEST(a_client_has_as_many_places_as_the_limit_says) {
  std::size_t taken = 0, others = 0;
  {
    ClientTable table;
    std::vector<ClientTable::Place> places;
    for (int i = 0; i < 5; ++i) {
      if (auto place = table.take("192.0.2.1", 3)) places.push_back(std::move(*place));
    }
    taken = places.size();
    others = table.take("192.0.2.2", 3).has_value() ? 1 : 0;
  }
  assert_int_equal(taken, 3);
  assert_int_equal(others, 1);
}

TEST(a_place_that_is_given_back_can_be_taken_again) {
  ClientTable table;
  auto first = table.take("c", 1);
  const bool refused = !table.take("c", 1);
  first.reset();
  const bool empty = table.clients() == 0;
  const bool again = table.take("c", 1).has_value();
  assert_true(refused && empty && again);
}

TEST(a_limit_of_zero_is_none) {
  std::size_t clients = 0, taken = 0;
  {
    ClientTable table;
    std::vector<ClientTable::Place> places;
    for (int i = 0; i < 1000; ++i) {
      if (auto place = table.take("c", 0)) places.push_back(std::move(*place));
    }
    taken = places.size();
    places.clear();
    clients = table.clients();
  }
  assert_int_equal(taken, 1000);
  assert_int_equal(clients, 0);
}

}  // namespace
