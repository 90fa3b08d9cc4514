// SPDX-License-Identifier: ISC
// The PROXY protocol: every header whole and byte by byte, and nothing taken that is not one.
#include "smtpd/protocol/proxy_header.h"

#include <string>

#include "testing.h"

namespace {

using namespace restante::smtpd;
using namespace std::string_literals;
using Status = ProxyHeader::Status;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string binary(char command, char family, std::string_view rest) {
  std::string bytes = kSignature + command + family;
  bytes += static_cast<char>(rest.size() / 256);
  bytes += static_cast<char>(rest.size() % 256);
  return bytes + std::string(rest);
}

const std::string kIpv4Block("\xc0\x00\x02\x01\x7f\x00\x00\x01\x30\x39\x00\x19", 12);
const std::string kIpv6Block = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01" +
                               std::string(15, '\0') + "\x01" + "\x30\x39\x00\x19"s;

// "address/rate key/size", "peer/size" or what else came of it, with the exact bytes and no more.
std::string outcome(std::string_view bytes) {
  const ProxyHeader header = parse_proxy_header(Exact(bytes).view());
  if (header.status == Status::kMore) return "more";
  if (header.status == Status::kBad) return "bad";
  const std::string size = std::to_string(header.size);
  if (!header.client) return "peer " + size;
  return header.client->text + " " + header.client->rate_key + " " + size;
}

// A good header: more is asked for until the last byte, and what is behind it does not matter.
void assert_header(const std::string& header, const std::string& expected) {
  for (std::size_t size = 0; size < header.size(); ++size) {
    assert_same(outcome(header.substr(0, size)), "more");
  }
  const std::string whole = expected + " " + std::to_string(header.size());
  assert_same(outcome(header), whole);
  assert_same(outcome(header + "EHLO c\r\n"), whole);
  assert_same(outcome(header + header), whole);
}

TEST(a_line_names_the_client) {
  assert_header("PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n", "192.0.2.1 192.0.2.1");
  assert_header("PROXY TCP6 2001:db8:1:2:3::4 ::1 0 65535\r\n",
                "2001:db8:1:2:3::4 2001:db8:1:2::/64");
  assert_header("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 25\r\n", "192.0.2.1 192.0.2.1");
}

TEST(a_line_may_know_nothing) {
  assert_header("PROXY UNKNOWN\r\n", "peer");
  assert_header("PROXY UNKNOWN ffff::1 any thing 1\r\n", "peer");
}

TEST(a_line_that_is_not_as_specified_is_bad) {
  for (const std::string& line : {"PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\n"s,
                                  "PROXY TCP4 192.0.2.1 198.51.100.2 12345\r\n"s,
                                  "PROXY TCP4 192.0.2.1 198.51.100.2 12345 25 \r\n"s,
                                  "PROXY TCP4 192.0.2.1 198.51.100.2 12345 25 1\r\n"s,
                                  "PROXY TCP4  192.0.2.1 198.51.100.2 12345 25\r\n"s,
                                  "PROXY  TCP4 192.0.2.1 198.51.100.2 12345 25\r\n"s,
                                  "PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n"s,
                                  "PROXY TCP4 192.0.2.1 198.51.100.2 1 025\r\n"s,
                                  "PROXY TCP4 192.0.2.1 198.51.100.2 -1 25\r\n"s,
                                  "PROXY TCP4 192.0.2.01 198.51.100.2 1 25\r\n"s,
                                  "PROXY TCP4 192.0.2 198.51.100.2 1 25\r\n"s,
                                  "PROXY TCP4 ::1 ::1 1 25\r\n"s,
                                  "PROXY TCP6 192.0.2.1 198.51.100.2 1 25\r\n"s,
                                  "PROXY TCP6 ::1%lo ::1 1 25\r\n"s,
                                  "PROXY TCP4 192.0.2.1\0x 198.51.100.2 1 25\r\n"s,
                                  "PROXY TCP5 192.0.2.1 198.51.100.2 1 25\r\n"s,
                                  "PROXY UNKNOWNS\r\n"s,
                                  "PROXY \r\n"s,
                                  "PROXY \n"s,
                                  "proxy UNKNOWN\r\n"s,
                                  "PROXY UNKNOWN " + std::string(93, 'x'),
                                  "EHLO c\r\n"s,
                                  "PROXIES"s,
                                  "\n"s}) {
    assert_same(outcome(line), "bad");
  }
}

TEST(the_longest_line_is_taken) {
  assert_header("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "peer");
}

TEST(a_binary_header_names_the_client) {
  assert_header(binary('\x21', '\x11', kIpv4Block), "192.0.2.1 192.0.2.1");
  assert_header(binary('\x21', '\x21', kIpv6Block), "2001:db8::1 2001:db8::/64");
}

TEST(what_is_behind_the_addresses_of_a_binary_header_belongs_to_it) {
  const std::string extras = "\x03\x00\x04"s + "abcd" + std::string(600, 'x');
  assert_header(binary('\x21', '\x11', kIpv4Block + extras), "192.0.2.1 192.0.2.1");
  const std::string most(kMaxProxyHeader - 16 - kIpv4Block.size(), 'x');
  assert_header(binary('\x21', '\x11', kIpv4Block + most), "192.0.2.1 192.0.2.1");
}

TEST(a_binary_header_without_a_client_of_use_leaves_the_peer) {
  assert_header(binary('\x20', '\x00', ""), "peer");
  assert_header(binary('\x20', '\x11', kIpv4Block), "peer");
  assert_header(binary('\x20', '\x11', ""), "peer");
  assert_header(binary('\x21', '\x00', "anything"), "peer");
  assert_header(binary('\x21', '\x12', kIpv4Block), "peer");
  assert_header(binary('\x21', '\x31', std::string(216, 'p')), "peer");
}

TEST(a_binary_header_that_is_not_as_specified_is_bad) {
  assert_same(outcome(binary('\x11', '\x11', kIpv4Block)), "bad");
  assert_same(outcome(binary('\x31', '\x11', kIpv4Block)), "bad");
  assert_same(outcome(binary('\x22', '\x11', kIpv4Block)), "bad");
  assert_same(outcome(binary('\x21', '\x41', kIpv4Block)), "bad");
  assert_same(outcome(binary('\x21', '\x13', kIpv4Block)), "bad");
  assert_same(outcome(binary('\x21', '\x11', kIpv4Block.substr(1))), "bad");
  assert_same(outcome(binary('\x21', '\x21', kIpv4Block)), "bad");
  assert_same(outcome(binary('\x21', '\x31', kIpv6Block)), "bad");
  // Refused by its length alone: nobody waits for the rest.
  assert_same(outcome(kSignature + "\x21\x11\xff\xff"), "bad");
}

TEST(any_other_byte_in_the_signature_is_bad_at_once) {
  for (std::size_t i = 0; i < kSignature.size(); ++i) {
    std::string bytes = kSignature.substr(0, i + 1);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    assert_same(outcome(bytes), "bad");
  }
}

}  // namespace
