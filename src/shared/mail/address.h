// SPDX-License-Identifier: ISC
// Mail addresses as RFC 5321 section 4.1.2 writes them.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace restante::mail {

struct Address {
  std::string local;   // unquoted: the bytes that the local part stands for
  std::string domain;  // ASCII, lower case, U-labels as A-labels, without a trailing dot; "[…]" for
                       // an address literal; may be empty for "postmaster" alone
  // local@domain, quoted again where it must be; "" for the null reverse path.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_null() const { return local.empty() && domain.empty(); }
};

enum class PathFault : std::uint8_t { kSyntax, kTooLong, kNeedsSmtputf8, kBadLabel };

// Parses Mailbox = Local-part "@" ( Domain / address-literal ). Limits of RFC 5321 section 4.5.3.1:
// local part 64 octets, domain 255, label 63. UTF-8 (RFC 6531) is taken only with `utf8`; kBadLabel
// is a domain of UTF-8 that IDNA2008 does not have. Beyond
// the grammar: "_" in a domain, and "\x" for x outside quotes, as RFC 821 had it.
[[nodiscard]] std::expected<Address, PathFault> parse_mailbox(std::string_view text, bool utf8);

// Parses Path = "<" [ A-d-l ":" ] Mailbox ">" of at most 256 octets, dropping a source route
// (appendix C); `<>` gives the null address and `<postmaster>` one without a domain. On success
// `rest` is what follows the ">".
[[nodiscard]] std::expected<Address, PathFault> parse_path(std::string_view text, bool utf8,
                                                           std::string_view& rest);

// True for a local part that asks to be passed on: "user%host" or "host!user".
[[nodiscard]] bool has_route(std::string_view local);

}  // namespace restante::mail
