// SPDX-License-Identifier: ISC
// Bounds of headers: where a header ends, what is a field, and each bound from both sides.
#include "smtpd/protocol/header_check.h"

#include <string>

#include "testing.h"

namespace {

using namespace restante::smtpd;

constexpr HeaderLimits kLimits{.bytes = 100, .fields = 5, .hops = 3};

std::string repeat(std::string_view unit, int times) {
  std::string text;
  for (; times > 0; --times) text += unit;
  return text;
}

struct Row {
  std::string message;
  char expected;  // ok, big, loop
};

TEST(headers_keep_within_bounds) {
  const Row rows[] = {
      {"", 'o'},
      {repeat("a: b\r\n", 5) + "\r\n" + repeat("a: b\r\n", 50), 'o'},
      {repeat("a: b\r\n", 5), 'o'},
      {repeat("a: b\r\n", 6), 'b'},
      {repeat("a: b\n", 6), 'b'},
      {repeat("a: b\r\n", 5) + repeat(" folded\r\n", 5) + "\r\n", 'o'},
      {"a:" + std::string(96, 'x') + "\r\n" + "\r\n", 'o'},
      {"a:" + std::string(97, 'x') + "\r\n" + "\r\n", 'b'},
      {"a: b\r\n" + repeat("\tfolded\r\n", 20), 'b'},
      {"a:" + std::string(1000, 'x'), 'b'},
      {std::string(1000, 'x'), 'o'},
      {repeat("just a line\r\n", 100), 'o'},
      {repeat(" not folded: nothing to fold\r\n", 100), 'o'},
      {"a: b\r\nno field\r\n" + repeat("a: b\r\n", 50), 'o'},
      {"From me Mon\r\n" + repeat("a: b\r\n", 6), 'b'},
      {repeat("Received: x\r\n", 3) + "\r\n" + repeat("Received: x\r\n", 3), 'o'},
      {repeat("Received: x\r\n", 4), 'l'},
      {repeat("rEcEiVeD \t: x\n", 4), 'l'},
      {repeat("Received-SPF: x\r\n", 4) + "\r\n", 'o'},
      {repeat("X: y\r\n Received: x\r\n", 4), 'o'},
  };
  for (const Row& row : rows) {
    const auto refusal = check_header(Exact(row.message).view(), kLimits);
    const char got = !refusal ? 'o' : *refusal == Reply::kLoop ? 'l' : 'b';
    if (got != row.expected) fail_test(row.message.substr(0, 40));
  }
}

}  // namespace
