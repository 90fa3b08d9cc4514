// SPDX-License-Identifier: ISC
// Ranges of addresses: what is in them and what is none.
#include "shared/net/address_range.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

#include "testing.h"

namespace {

using restante::net::AddressRange;

bool is_in(const char* address, std::string_view range) {
  const auto network = AddressRange::parse(range);
  sockaddr_storage storage{};
  sockaddr_in ipv4{};
  sockaddr_in6 ipv6{};
  ipv4.sin_family = AF_INET;
  ipv6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET, address, &ipv4.sin_addr) == 1) {
    std::memcpy(&storage, &ipv4, sizeof ipv4);
  } else if (inet_pton(AF_INET6, address, &ipv6.sin6_addr) == 1) {
    std::memcpy(&storage, &ipv6, sizeof ipv6);
  }
  return network && network->contains(reinterpret_cast<const sockaddr*>(&storage));
}

TEST(an_address_is_in_its_network_alone) {
  assert_true(is_in("127.0.0.1", "127.0.0.0/8"));
  assert_true(is_in("127.255.255.255", "127.0.0.0/8"));
  assert_false(is_in("128.0.0.0", "127.0.0.0/8"));
  assert_true(is_in("10.1.3.255", "10.1.2.0/23"));
  assert_false(is_in("10.1.4.0", "10.1.2.0/23"));
  assert_true(is_in("192.0.2.1", "192.0.2.1"));
  assert_false(is_in("192.0.2.0", "192.0.2.1"));
  assert_true(is_in("192.0.2.0", "0.0.0.0/0"));
  assert_true(is_in("2001:db8:ffff::1", "2001:db8::/32"));
  assert_false(is_in("2001:db9::1", "2001:db8::/32"));
  assert_true(is_in("::1", "::1"));
}

TEST(ipv4_is_the_same_however_a_socket_shows_it) {
  assert_true(is_in("::ffff:127.0.0.1", "127.0.0.0/8"));
  assert_true(is_in("127.0.0.1", "::ffff:127.0.0.0/104"));
  assert_true(is_in("127.0.0.1", "::/0"));
  assert_false(is_in("::1", "0.0.0.0/0"));
}

TEST(any_other_text_is_refused) {
  for (const char* text : {"", "/8", "localhost", "10.0.0.0/33", "::1/129", "10.0.0.0/", "10/8",
                           "10.0.0.0/8x", "10.0.0.0/-1", "10.0.0.0/8/8"}) {
    assert_false(AddressRange::parse(text).has_value());
  }
}

TEST(an_address_may_be_given_as_text) {
  const std::vector<AddressRange> ranges = restante::net::parse_ranges({"192.0.2.0/24", "2001:db8::/32"});
  assert_true(restante::net::is_in(ranges, "192.0.2.7"));
  assert_true(restante::net::is_in(ranges, "::ffff:192.0.2.7"));
  assert_true(restante::net::is_in(ranges, "2001:db8:1::1"));
  assert_false(restante::net::is_in(ranges, "192.0.3.7"));
  assert_false(restante::net::is_in(ranges, "2001:db9::1"));
  assert_false(restante::net::is_in(ranges, "unix"));
  assert_false(restante::net::is_in({}, "192.0.2.7"));
}

}  // namespace
