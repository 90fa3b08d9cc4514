// SPDX-License-Identifier: ISC
// Places of clients: so many each, given back at the end, and nothing left behind.
#include "shared/net/client_table.h"

#include <vector>

#include "testing.h"

namespace {

using namespace restante::net;

// The places that a client gets when it asks so many times.
std::vector<ClientTable::Slot> take(ClientTable& table, std::string_view client, int times,
                                    std::uint64_t limit) {
  std::vector<ClientTable::Slot> places;
  for (int i = 0; i < times; ++i) {
    if (auto place = table.admit(client, limit)) places.push_back(std::move(*place));
  }
  return places;
}

TEST(a_client_has_as_many_places_as_the_limit_says) {
  ClientTable table;
  const auto places = take(table, "192.0.2.1", 5, 3);
  const auto others = take(table, "192.0.2.2", 1, 3);
  assert_int_equal(places.size(), 3);
  assert_int_equal(others.size(), 1);
}

TEST(a_place_that_is_given_back_can_be_taken_again) {
  ClientTable table;
  auto first = table.admit("c", 1);
  const bool refused = !table.admit("c", 1);
  first.reset();
  const bool empty = table.clients() == 0;
  const bool again = table.admit("c", 1).has_value();
  assert_true(refused && empty && again);
}

TEST(a_limit_of_zero_is_none) {
  ClientTable table;
  auto places = take(table, "c", 1000, 0);
  assert_int_equal(places.size(), 1000);
  places.clear();
  assert_int_equal(table.clients(), 0);
}

}  // namespace
