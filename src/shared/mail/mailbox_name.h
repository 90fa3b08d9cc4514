// SPDX-License-Identifier: ISC
// Which mailbox an address names: the one rule for those who write mail and those who read it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/mail/address.h"

namespace restante::mail {

enum class MailboxCase : std::uint8_t { kFold, kKeep };
enum class MailboxTag : std::uint8_t { kKeep, kCut };
enum class MailboxDomains : std::uint8_t { kShared, kSeparate };

struct MailboxNaming {
  MailboxCase letters = MailboxCase::kFold;          // Alice and alice are one
  MailboxTag tag = MailboxTag::kKeep;                // alice+news is not alice
  MailboxDomains domains = MailboxDomains::kShared;  // alice of one domain is alice of another
};

// The local part in normal form C, with the @ and domain behind it where domains are separate.
// Letters are folded in ASCII alone, since what others fold to depends on the language; those of
// "postmaster" always (RFC 5321 section 4.5.1). A name that is all tag keeps it.
[[nodiscard]] std::string mailbox_name(const Address& address, const MailboxNaming& naming);

// What `naming` cuts off a name, the "+" not counted: letters in normal form C, not folded, no
// quotes. Empty where there is nothing to cut.
[[nodiscard]] std::string cut_tag(const Address& address, const MailboxNaming& naming);

// The same for two addresses if they are one recipient, who gets one copy: tag and domain count,
// whether or not they name another mailbox, since a message shows to whom it came.
[[nodiscard]] std::string recipient_name(const Address& address, MailboxCase letters);

// The name of a mailbox as a part of a Redis key: every byte outside `a-z 0-9 . _ + - =`
// percent-encoded, so that two names never share a key.
[[nodiscard]] std::string mailbox_key(std::string_view name);

}  // namespace restante::mail
