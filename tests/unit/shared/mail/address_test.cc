// SPDX-License-Identifier: ISC
// Addresses: what the grammar takes, what it refuses and why.
#include "shared/mail/address.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/utf8.h"
#include "testing.h"

namespace {

using namespace restante;

std::string outcome(const std::expected<mail::Address, mail::PathFault>& parsed) {
  if (parsed) return parsed->is_null() ? "null" : parsed->local + " at " + parsed->domain;
  switch (parsed.error()) {
    case mail::PathFault::kSyntax:
      return "syntax";
    case mail::PathFault::kTooLong:
      return "too long";
    case mail::PathFault::kNeedsSmtputf8:
      return "needs smtputf8";
    case mail::PathFault::kBadLabel:
      return "bad label";
  }
  return "?";
}

std::string mailbox(std::string_view text, bool utf8) {
  return outcome(mail::parse_mailbox(Exact(text).view(), utf8));
}

// The outcome, a bar and the rest.
std::string path(std::string_view text, bool utf8) {
  const Exact exact(text);
  std::string_view rest;
  const auto parsed = mail::parse_path(exact.view(), utf8, rest);
  return outcome(parsed) + (parsed ? "|" + std::string(rest) : "");
}

struct Row {
  std::string text;
  bool utf8;
  std::string expected;
};

template <std::size_t N>
bool all_as_expected(const Row (&rows)[N], std::string (*parse)(std::string_view, bool)) {
  bool well = true;
  for (const Row& row : rows) {
    const std::string got = parse(row.text, row.utf8);
    if (got == row.expected) continue;
    print_error("%s: expected %s, got %s\n", row.text.c_str(), row.expected.c_str(), got.c_str());
    well = false;
  }
  return well;
}

TEST(mailboxes_are_read) {
  static const Row kRows[] = {
      {"alice@example.com", false, "alice at example.com"},
      {"Alice@EXAMPLE.com", false, "Alice at example.com"},
      {"a.b.c@x", false, "a.b.c at x"},
      {"!#$%&'*+-/=?^_`{|}~@x", false, "!#$%&'*+-/=?^_`{|}~ at x"},
      {"\"alice\"@x", false, "alice at x"},
      {"\"john doe\"@x", false, "john doe at x"},
      {"\"a@b\"@x", false, "a@b at x"},
      {"\"a\\\"b\\\\\"@x", false, "a\"b\\ at x"},
      {"al\\ice@x", false, "alice at x"},
      {"a@1.2.3.x", false, "a at 1.2.3.x"},
      {"a@foo_bar.x", false, "a at foo_bar.x"},
      {"a@[192.0.2.1]", false, "a at [192.0.2.1]"},
      {"a@[IPv6:2001:DB8::1]", false, "a at [ipv6:2001:db8::1]"},
      {std::string(64, 'a') + "@x", false, std::string(64, 'a') + " at x"},
      {"a@" + std::string(63, 'b') + ".x", false, "a at " + std::string(63, 'b') + ".x"},
      {"jos\xc3\xa9@x", true, "jos\xc3\xa9 at x"},
      {"a@b\xc3\xbc"
       "cher.x",
       true, "a at xn--bcher-kva.x"},
      {"a@B\xc3\x9c"
       "CHER.X",
       true, "a at xn--bcher-kva.x"},
      {"a@XN--Bcher-KVA.x", false, "a at xn--bcher-kva.x"},
  };
  assert_true(all_as_expected(kRows, mailbox));
}

TEST(what_is_no_mailbox_is_refused) {
  using namespace std::string_literals;
  static const Row kRows[] = {
      {"", false, "syntax"},
      {"alice", false, "syntax"},
      {"postmaster", false, "syntax"},
      {"@x", false, "syntax"},
      {"a@", false, "syntax"},
      {"a@x ", false, "syntax"},
      {" a@x", false, "syntax"},
      {"a b@x", false, "syntax"},
      {"a@b@x", false, "syntax"},
      {".a@x", false, "syntax"},
      {"a.@x", false, "syntax"},
      {"a..b@x", false, "syntax"},
      {"\"\"@x", false, "syntax"},
      {"\"a@x", false, "syntax"},
      {"\"a\\", false, "syntax"},
      {"\"a\"b@x", false, "syntax"},
      {"a\\", false, "syntax"},
      {"a\0@x"s, false, "syntax"},
      {"\"a\0\"@x"s, false, "syntax"},
      {"\"a\r\nb\"@x", false, "syntax"},
      {"a@x.", false, "syntax"},
      {"a@.x", false, "syntax"},
      {"a@x..y", false, "syntax"},
      {"a@-x", false, "syntax"},
      {"a@x-.y", false, "syntax"},
      {"a@127.0.0.1", false, "syntax"},
      {"a@[127.0.0.1", false, "syntax"},
      {"a@[]", false, "syntax"},
      {"a@[127.0.0.256]", false, "syntax"},
      {"a@[IPv6:127.0.0.1]", false, "syntax"},
      {"a@[127.0.0.1\0x]"s, false, "syntax"},
      {"a@[127.0.0.1]x", false, "syntax"},
      {"a@[x-tag:foo]", false, "syntax"},
      {std::string(65, 'a') + "@x", false, "too long"},
      {'"' + std::string(63, 'a') + "\"@x", false, "too long"},
      {"a@" + std::string(64, 'b') + ".x", false, "syntax"},
      {"jos\xc3\xa9@x", false, "needs smtputf8"},
      {"jos\xc3@x", true, "syntax"},
      {"jos\xc3", true, "syntax"},
      {"jos\xff@x", false, "syntax"},
      {"a@\xc3\xa9.x", false, "needs smtputf8"},
      {"a@\xc3.x", true, "syntax"},
      {"a@\xc3\xa9..x", true, "bad label"},
      {"a@\xe2\x9d\xa4.x", true, "bad label"},
      {"a@\xef\xbc\x91.\xef\xbc\x92", true, "bad label"},
  };
  assert_true(all_as_expected(kRows, mailbox));
}

TEST(a_domain_has_at_most_255_octets) {
  std::string domain;
  for (int i = 0; i < 127; ++i) domain += "b.";
  assert_string_equal(mailbox("a@" + domain + "c", false).c_str(),
                      ("a at " + domain + "c").c_str());
  assert_string_equal(mailbox("a@" + domain + "cc", false).c_str(), "too long");
}

TEST(paths_are_read_up_to_their_end) {
  static const Row kRows[] = {
      {"<>", false, "null|"},
      {"<> SIZE=1", false, "null| SIZE=1"},
      {"<a@x>", false, "a at x|"},
      {"<a@x> b", false, "a at x| b"},
      {"<a@x>>", false, "a at x|>"},
      {"<\"a>b\"@x>y", false, "a>b at x|y"},
      {"<Postmaster>", false, "Postmaster at |"},
      {"<postmaster@x>", false, "postmaster at x|"},
      {"<@a,@b.test:c@x>", false, "c at x|"},
      {"<a@x> jos\xc3\xa9", false, "a at x| jos\xc3\xa9"},
      {"<jos\xc3\xa9@x>", true, "jos\xc3\xa9 at x|"},
  };
  assert_true(all_as_expected(kRows, path));
}

TEST(what_is_no_path_is_refused) {
  static const Row kRows[] = {
      {"", false, "syntax"},
      {"<", false, "syntax"},
      {"a@x", false, "syntax"},
      {"<a@x", false, "syntax"},
      {"<<a@x>>", false, "syntax"},
      {"< a@x>", false, "syntax"},
      {"<a@x >", false, "syntax"},
      {"<@>", false, "syntax"},
      {"<@x>", false, "syntax"},
      {"<@x:>", false, "syntax"},
      {"<@x,y:a@x>", false, "syntax"},
      {"<@x,:a@x>", false, "syntax"},
      {"<postmaster", false, "syntax"},
      {"<postmaste>", false, "syntax"},
      {"<jos\xc3\xa9@x>", false, "needs smtputf8"},
  };
  assert_true(all_as_expected(kRows, path));
}

TEST(an_address_is_quoted_where_it_must_be) {
  for (const std::string text : {"alice@x", "\"john doe\"@x", "\"a@b\"@x", "\"a\\\"b\"@x",
                                 "\"a\\\\b\"@x", "\".a\"@x", "\"a..b\"@x", "a@[192.0.2.1]"}) {
    assert_string_equal(mail::parse_mailbox(text, false)->text().c_str(), text.c_str());
  }
  assert_string_equal(mail::parse_mailbox("\"alice\"@X", false)->text().c_str(), "alice@x");
  assert_string_equal(mail::Address{}.text().c_str(), "");
  assert_string_equal((mail::Address{.local = "postmaster", .domain = ""}.text().c_str()),
                      "postmaster");
}

TEST(routes_are_recognised) {
  assert_true(mail::has_route("a%b"));
  assert_true(mail::has_route("b!a"));
  assert_false(mail::has_route("a+b=c"));
}

TEST(utf8_is_valid_in_its_shortest_form_only) {
  for (const std::string_view text :
       {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"}) {
    assert_true(is_valid_utf8(Exact(text).view()));
  }
  for (const std::string_view text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xe1\x80",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff", "abc\xe2\x82", "\xf0\x90\x80", "\xe2\x28\xa1"}) {
    assert_false(is_valid_utf8(Exact(text).view()));
  }
}

}  // namespace
