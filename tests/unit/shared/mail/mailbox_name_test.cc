// SPDX-License-Identifier: ISC
// Names of mailboxes under every setting, and their keys.
#include "shared/mail/mailbox_name.h"

#include <set>
#include <string>

#include "testing.h"

namespace {

using namespace restante;

constexpr mail::MailboxNaming kDefault;
constexpr mail::MailboxNaming kKeepCase{.letters = mail::MailboxCase::kKeep};
constexpr mail::MailboxNaming kCutTag{.tag = mail::MailboxTag::kCut};
constexpr mail::MailboxNaming kSeparate{.domains = mail::MailboxDomains::kSeparate};
constexpr mail::MailboxNaming kAll{mail::MailboxCase::kKeep, mail::MailboxTag::kCut,
                                   mail::MailboxDomains::kSeparate};

std::string name_of(std::string_view address, const mail::MailboxNaming& naming) {
  const auto parsed = mail::parse_mailbox(address, /*utf8=*/true);
  return parsed ? mail::mailbox_name(*parsed, naming) : "no address";
}

std::string tag_of(std::string_view address, const mail::MailboxNaming& naming) {
  const auto parsed = mail::parse_mailbox(address, /*utf8=*/true);
  return parsed ? mail::cut_tag(*parsed, naming) : "no address";
}

struct Row {
  std::string_view address;
  mail::MailboxNaming naming;
  std::string_view name;
};

TEST(settings_decide_which_addresses_share_a_mailbox) {
  static constexpr Row kRows[] = {
      {"Alice@x.test", kDefault, "alice"},
      {"alice+News@x.test", kDefault, "alice+news"},
      {"\"a@b\"@x.test", kDefault, "a@b"},
      {"Alice@x.test", kKeepCase, "Alice"},
      {"PostMaster@x.test", kKeepCase, "postmaster"},
      {"Alice+news+b@x.test", kCutTag, "alice"},
      {"alice+@x.test", kCutTag, "alice"},
      {"+news@x.test", kCutTag, "+news"},
      {"+a+b@x.test", kCutTag, "+a"},
      {"Alice@X.test", kSeparate, "alice@x.test"},
      {"\"a@b\"@x.test", kSeparate, "a@b@x.test"},
      {"Alice+news@\u4F8B.test", kAll, "Alice@xn--fsq.test"},
      {"Postmaster+a@x.test", kAll, "postmaster@x.test"},
      {"jose\u0301@x.test", kDefault, "jos\u00E9"},
      {"JOSE\u0301@x.test", kDefault, "jos\u00C9"},  // other letters keep their case
  };
  for (const Row& row : kRows) assert_same(name_of(row.address, row.naming), row.name);
}

TEST(a_name_alone_is_read_as_a_local_part) {
  const mail::Address bare{.local = "Alice+x", .domain = "first.test"};
  assert_same(mail::mailbox_name(bare, kDefault), "alice+x");
  assert_same(mail::mailbox_name(bare, kAll), "Alice@first.test");
  assert_same(mail::mailbox_name(mail::Address{}, kCutTag), "");
}

TEST(what_is_cut_off_a_name_is_its_tag) {
  static constexpr Row kRows[] = {
      {"alice+news@x.test", kCutTag, "news"},
      {"alice@x.test", kCutTag, ""},
      {"alice+@x.test", kCutTag, ""},
      {"alice+news+b@x.test", kCutTag, "news+b"},
      {"alice++@x.test", kCutTag, "+"},
      {"+news@x.test", kCutTag, ""},
      {"+a+b@x.test", kCutTag, "b"},
      {"Alice+News@x.test", kCutTag, "News"},  // it names nothing, so nothing is folded
      {"postmaster+A@x.test", kAll, "A"},
      {"\"a+b \\\"c\"@x.test", kCutTag, "b \"c"},
      {"a+jose\u0301@x.test", kCutTag, "jos\u00E9"},
      {"alice+news@x.test", kDefault, ""},
      {"alice+news@x.test", kSeparate, ""},
  };
  for (const Row& row : kRows) assert_same(tag_of(row.address, row.naming), row.name);
  assert_same(mail::cut_tag(mail::Address{}, kCutTag), "");
}

TEST(keys_are_escaped) {
  assert_same(mail::mailbox_key("a.b_c+d-e=9"), "a.b_c+d-e=9");
  assert_same(mail::mailbox_key("Alice@x"), "%41lice%40x");
  assert_same(mail::mailbox_key("a}b{c"), "a%7Db%7Bc");
  assert_same(mail::mailbox_key("a%7Db"), "a%257%44b");
  assert_same(mail::mailbox_key("jos\u00E9"), "jos%C3%A9");
  assert_same(mail::mailbox_key(std::string_view("a\0*", 3)), "a%00%2A");
}

TEST(no_two_names_share_a_key) {
  std::set<std::string> keys;
  for (int byte = 0; byte < 256; ++byte) {
    for (const std::string_view before : {"", "%", "%2"}) {
      keys.insert(mail::mailbox_key(std::string(before) + static_cast<char>(byte)));
    }
  }
  assert_int_equal(keys.size(), 3 * 256);
}

}  // namespace
