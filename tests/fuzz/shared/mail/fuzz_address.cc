// SPDX-License-Identifier: ISC
// Any text as an address: what is taken comes back the same from its own text, and its mailbox's
// key is safe.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shared/base/utf8.h"
#include "shared/mail/address.h"
#include "shared/mail/mailbox_name.h"

using namespace restante;

namespace {

void check_key(std::string_view name) {
  constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyz0123456789._+-=%ABCDEF";
  const std::string key = mail::mailbox_key(name);
  if (key.find_first_not_of(kSafe) != std::string::npos) std::abort();
  if (key.empty() != name.empty()) std::abort();
}

void check_names(const mail::Address& address) {
  for (const mail::MailboxDomains domains :
       {mail::MailboxDomains::kShared, mail::MailboxDomains::kSeparate}) {
    for (const mail::MailboxTag tag : {mail::MailboxTag::kKeep, mail::MailboxTag::kCut}) {
      const std::string name = mail::mailbox_name(address, {.tag = tag, .domains = domains});
      if (name.empty() != address.local.empty()) std::abort();
      check_key(name);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)is_valid_utf8(text);
  check_key(text);
  for (const bool utf8 : {false, true}) {
    if (const auto address = mail::parse_mailbox(text, utf8)) {
      check_names(*address);
      const auto again = mail::parse_mailbox(address->text(), utf8);
      // Quoting may take a local part that just fitted past its 64 octets.
      if (!again && again.error() == mail::PathFault::kTooLong) continue;
      if (!again || again->local != address->local || again->domain != address->domain) {
        std::abort();
      }
    }
    std::string_view rest;
    if (const auto path = mail::parse_path(text, utf8, rest)) {
      if (rest.size() > text.size()) std::abort();
    }
  }
  return 0;
}
