// SPDX-License-Identifier: ISC
// Address lists as they come, and as an attacker would write them.
#include "mimed/header/addresses.h"

#include <string>
#include <vector>

#include "testing.h"

namespace {

using namespace restante;
using namespace restante::mimed;

// "name|address" of each, parted by `;`.
std::string read(std::string_view raw) {
  CharsetConverter converter;
  std::vector<mail::NamedAddress> found;
  append_addresses(converter, Exact(raw).view(), found);
  std::string out;
  for (const mail::NamedAddress& one : found) {
    if (!out.empty()) out += ';';
    out += one.name + "|" + one.address;
  }
  return out;
}

struct Row {
  const char *raw, *expected;
};

const Row kRows[] = {
    {"bob@x.test", "|bob@x.test"},
    {" Bob Jones <bob@x.test>", "Bob Jones|bob@x.test"},
    {"\"Jones, Bob\" <bob@x.test>, c@x.test", "Jones, Bob|bob@x.test;|c@x.test"},
    {"\"Bob \\\"B\\\" Jones\"<bob@x.test>", "Bob \"B\" Jones|bob@x.test"},
    {"bob@x.test (Bob Jones)", "Bob Jones|bob@x.test"},
    {"Bob (the (real) one) <bob@x.test>", "Bob|bob@x.test"},
    {"=?utf-8?Q?B=C3=B6b?= =?utf-8?Q?_J?= <bob@x.test>",
     "B\xC3\xB6"
     "b J|bob@x.test"},
    {"=?utf-8?Q?Jones,_Bob?= <bob@x.test>", "Jones, Bob|bob@x.test"},
    {"\"=?utf-8?B?w7Y=?=\" <bob@x.test>", "\xC3\xB6|bob@x.test"},
    {"B\xF6"
     "b <bob@x.test>",
     "B\xC3\xB6"
     "b|bob@x.test"},
    {"Friends: bob@x.test, \"C\" <c@x.test>;, d@x.test", "|bob@x.test;C|c@x.test;|d@x.test"},
    {"undisclosed-recipients:;", ""},
    {"A: B: c@x.test;;", "|c@x.test"},
    {"a@x.test; b@x.test", "|a@x.test;|b@x.test"},
    {"\"a b\"@x.test", "|\"a b\"@x.test"},
    {"a@[IPv6:::1], b@x.test", "|a@[IPv6:::1];|b@x.test"},
    {"bob . jones @ x . test", "|bob.jones@x.test"},
    {"<@a.test,@b.test:bob@x.test>", "|bob@x.test"},
    {"Bob\r\n <bob@\r\n x.test>", "Bob|bob@x.test"},
    {"Bob Jones bob@x.test", "Bob Jones|bob@x.test"},
    {"bob@x.test Bob", "|bob@x.test"},
    {"a@x.test <a@x.test>", "a@x.test|a@x.test"},
    {"<a@x.test> <b@x.test>", "|a@x.test;|b@x.test"},
    {"root", "|root"},
    {"Bob Jones", "Bob Jones|"},
    {"Bob <>", "Bob|"},
    {"<>", ""},
    {",, ,", ""},
    {"", ""},
    {"Bob <bob@x.test, c@x.test", "Bob|bob@x.test;|c@x.test"},
    {"\"Bob <bob@x.test>", "Bob|bob@x.test"},
    {"Bob :( <bob@x.test>", "|bob@x.test"},
    {"a@[x, b@x.test", "|a@[x;|b@x.test"},
    {"<", ""},
    {"a\\", "|a\\"},
    {"<@", ""},
};

TEST_EACH(an_address_list_is_read, kRows, raw) { assert_same(read(row.raw), row.expected); }

// How many addresses a field of such pieces has, and the time that it takes to find them.
std::pair<std::size_t, double> cost_of(std::string_view piece, std::size_t bytes) {
  std::string raw;
  while (raw.size() < bytes) raw += piece;
  CharsetConverter converter;
  return timed([&] {
    std::vector<mail::NamedAddress> found;
    append_addresses(converter, raw, found);
    return found.size();
  });
}

TEST(hostile_lists_are_read_in_linear_time) {
  for (const char* piece : {"a@b,", "g:", "(", "\"", "<", "[", "=?", "=?a?q?", "a ", "()", "\"\"",
                            "<>", "\\", "@", ",", "<a ", "((a)", "=?a?q?x?= "}) {
    const auto [count, seconds] = cost_of(piece, std::size_t{1} << 20);
    if (seconds > 0.5 || count > kAddressLimit) fail_test(piece);
  }
}

TEST(a_field_has_a_thousand_addresses_at_most) {
  assert_int_equal(cost_of("a@b,", 10'000).first, 1000);
}

}  // namespace
