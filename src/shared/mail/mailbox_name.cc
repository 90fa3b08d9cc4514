// SPDX-License-Identifier: ISC
#include "shared/mail/mailbox_name.h"

#include <algorithm>

#include "shared/base/ascii.h"
#include "shared/mail/domain.h"

namespace restante::mail {
namespace {

// A local part before its "+", and what follows that. A name that is all tag keeps it.
struct TaggedName {
  std::string_view name, tag;
};

TaggedName split_tag(std::string_view local) {
  const std::size_t plus = local.find('+', 1);
  if (plus == std::string_view::npos) return {local, {}};
  return {local.substr(0, plus), local.substr(plus + 1)};
}

}  // namespace

std::string mailbox_name(const Address& address, const MailboxNaming& naming) {
  std::string name = to_nfc(address.local);
  if (naming.tag == MailboxTag::kCut) name.resize(split_tag(name).name.size());
  if (naming.letters == MailboxCase::kFold || equal_ignoring_case(name, "postmaster")) {
    std::ranges::transform(name, name.begin(), ascii_lower);
  }
  if (naming.domains == MailboxDomains::kSeparate) name.append(1, '@').append(address.domain);
  return name;
}

std::string cut_tag(const Address& address, const MailboxNaming& naming) {
  if (naming.tag == MailboxTag::kKeep) return {};
  const std::string name = to_nfc(address.local);
  return std::string(split_tag(name).tag);
}

std::string recipient_name(const Address& address, MailboxCase letters) {
  return mailbox_name(address, {letters, MailboxTag::kKeep, MailboxDomains::kSeparate});
}

std::string mailbox_key(std::string_view name) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string key;
  key.reserve(name.size());
  for (const char c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("._+-=").contains(c);
    if (plain) {
      key += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      key += {'%', kHex[byte >> 4U], kHex[byte & 0xFU]};
    }
  }
  return key;
}

}  // namespace restante::mail
