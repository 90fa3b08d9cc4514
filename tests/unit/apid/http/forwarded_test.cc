// SPDX-License-Identifier: ISC
// X-Forwarded-For: whom it makes the client, by who is connected and by whom is trusted.
#include "apid/http/forwarded.h"

#include <string>
#include <string_view>
#include <vector>

#include "testing.h"

namespace {

using namespace restante;
using apid::forwarded_client;

// "TEXT KEY" of the client, where 127.0.0.0/8, ::1 and 10.0.0.0/8 are trusted.
std::string client(std::string_view peer, std::string_view field) {
  const std::vector<net::AddressRange> trusted =
      net::parse_ranges({"127.0.0.0/8", "::1", "10.0.0.0/8"});
  const net::ClientAddress found =
      forwarded_client({.text = std::string(peer), .rate_key = std::string(peer)}, field, trusted);
  return found.text == found.rate_key ? found.text : found.text + " " + found.rate_key;
}

TEST(a_trusted_peer_says_who_the_client_is) {
  assert_same(client("127.0.0.1", "192.0.2.1"), "192.0.2.1");
  assert_same(client("::1", "192.0.2.1"), "192.0.2.1");
  assert_same(client("unix", "192.0.2.1"), "192.0.2.1");
  assert_same(client("127.0.0.1", "2001:db8:1:2:3::4"), "2001:db8:1:2:3::4 2001:db8:1:2::/64");
  assert_same(client("127.0.0.1", "::ffff:192.0.2.1"), "192.0.2.1");
}

TEST(without_the_field_the_peer_is_the_client) {
  for (const char* field : {"", " ", ",", " , ,"}) {
    assert_same(client("127.0.0.1", field), "127.0.0.1");
    assert_same(client("unix", field), "unix");
  }
}

TEST(nobody_else_is_believed) {
  for (const char* peer : {"192.0.2.9", "2001:db8::9", "unknown", "128.0.0.1"}) {
    assert_same(client(peer, "192.0.2.1"), peer);
  }
}

TEST(what_the_client_wrote_itself_is_not_believed) {
  assert_same(client("127.0.0.1", "198.51.100.1, 192.0.2.1"), "192.0.2.1");
  assert_same(client("127.0.0.1", "nonsense, 192.0.2.1"), "192.0.2.1");
  assert_same(client("127.0.0.1", "127.0.0.1, 192.0.2.1"), "192.0.2.1");
  assert_same(client("127.0.0.1", "198.51.100.1,192.0.2.1,10.1.2.3 ,127.0.0.1,,"), "192.0.2.1");
}

TEST(where_all_are_trusted_the_first_of_them_is_the_client) {
  assert_same(client("127.0.0.1", "10.0.0.1, 10.0.0.2"), "10.0.0.1");
  assert_same(client("unix", "127.0.0.5"), "127.0.0.5");
}

TEST(an_element_that_is_no_address_leaves_the_peer) {
  for (const char* field :
       {"unknown", "_hidden", "192.0.2", "192.0.2.256", "192.0.2.1:", "192.0.2.1:x",
        "192.0.2.1:123456", "192.0.2.1 1", "[192.0.2.1]", "[2001:db8::1", "[2001:db8::1]80",
        "[2001:db8::1]:", "2001:db8::1]", "fe80::1%eth0", "192.0.2.1;", "\"192.0.2.1\"",
        "192.0.2.1, unknown, 10.0.0.1"}) {
    assert_same(client("127.0.0.1", field), "127.0.0.1");
  }
}

TEST(brackets_and_ports_are_taken_off) {
  assert_same(client("unix", "192.0.2.1:50000"), "192.0.2.1");
  assert_same(client("unix", "[2001:db8::1]"), "2001:db8::1 2001:db8::/64");
  assert_same(client("unix", "[2001:db8::1]:50000"), "2001:db8::1 2001:db8::/64");
  assert_same(client("unix", "192.0.2.1, 10.0.0.1:80, [::1]:80"), "192.0.2.1");
}

TEST(a_field_of_any_bytes_is_read_in_its_bounds) {
  for (const char* field : {"[", "]", ":", "[]", "[]:", "::", ",[", "1.2.3.4:,"}) {
    const Exact exact(field);
    assert_int_not_equal(client("unix", exact.view()).size(), 0);
  }
}

}  // namespace
