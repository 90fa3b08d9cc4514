// SPDX-License-Identifier: ISC
// Which mailbox a user of restantectl is, and how a mailbox is named there.
#include "ctl/user.h"

#include <string>

#include "shared/mail/mailbox_name.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::ctl;

config::Config config_with(bool separate = false) {
  config::Config config;
  config.domain = {"example.com"};
  if (separate) config.mailbox_domains = mail::MailboxDomains::kSeparate;
  return config;
}

std::string key_of(const std::string& user, bool separate = false) {
  const auto key = mailbox_of(config_with(separate), user);
  return key ? *key : "error: " + key.error().what;
}

TEST(a_user_is_a_name_an_address_or_encoded) {
  assert_same(key_of("Alice"), "alice");
  assert_same(key_of("Alice@example.com"), "alice");
  assert_same(key_of("john%20doe"), "john%20doe");
  assert_same(key_of("%2Dn"), "-n");
  assert_same(key_of("%41"), "%41");  // a name as it is, not folded
  assert_same(key_of("alice", true), "alice%40example.com");
  for (const char* const broken : {"%", "a%2", "a%zz", "50%"}) {
    assert_same(key_of(broken),
                "error: '" + std::string(broken) + "' is no name: % needs two digits");
  }
}

TEST(a_mailbox_is_shown_as_a_user_that_names_it) {
  const struct {
    const char *name, *shown;
    bool separate = false;
  } cases[] = {{"alice", "alice"},
               {"a.b+c_d=e-f", "a.b+c_d=e-f"},
               {"j\u00fcrgen", "j\u00fcrgen"},
               {"john doe", "john%20doe"},
               {"victim@example.com", "victim%40example.com"},
               {"alice@example.net", "alice@example.net", true},
               {"al ice@example.net", "al%20ice%40example.net", true},
               {"$(reboot)", "%24%28reboot%29"},
               {"-n", "%2Dn"},
               {"Alice", "%41lice"},  // of a time when case was kept
               {"x\u202ey", "x%E2%80%AEy"},
               {"bob", "%62ob", true},  // of a time when domains shared their mailboxes
               {"\x9b", "%9B"}};
  for (const auto& one : cases) {
    const std::string key = mail::mailbox_key(one.name);
    const std::string shown = user_of(config_with(one.separate), key);
    assert_same(shown, one.shown);
    assert_same(key_of(shown, one.separate), key);
  }
}

}  // namespace
