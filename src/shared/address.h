// SPDX-License-Identifier: ISC
// Mail addresses as RFC 5321 section 4.1.2 writes them, and the mailbox that an address names.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace restante {

struct Address {
  std::string local;   // unquoted: the bytes that the local part stands for
  std::string domain;  // lower case, without a trailing dot; "[…]" for an address literal; may be
                       // empty for "postmaster" alone
  // local@domain, quoted again where it must be; "" for the null reverse path.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_null() const { return local.empty() && domain.empty(); }
};

enum class PathFault { kSyntax, kTooLong, kNeedsSmtputf8, kRouting };

// Parses Mailbox = Local-part "@" ( Domain / address-literal ). Limits of RFC 5321 section 4.5.3.1:
// local part 64 octets, domain 255, label 63. UTF-8 (RFC 6531) is taken only with `utf8`.
[[nodiscard]] std::expected<Address, PathFault> parse_mailbox(std::string_view text, bool utf8);

// Parses Path = "<" [ A-d-l ":" ] Mailbox ">", dropping a source route (appendix C); `<>` gives the
// null address. On success `rest` is what follows the ">".
[[nodiscard]] std::expected<Address, PathFault> parse_path(std::string_view text, bool utf8,
                                                           std::string_view& rest);

// The name of a mailbox as a Redis key: ASCII lower case, every byte outside `a-z 0-9 . _ + - =`
// percent-encoded, so that two different local parts never share a key.
[[nodiscard]] std::string mailbox_key(std::string_view local);

// Valid UTF-8 as RFC 3629 has it: shortest form, no surrogates, at most U+10FFFF.
[[nodiscard]] bool is_valid_utf8(std::string_view text);

}  // namespace restante
