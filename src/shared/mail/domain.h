// SPDX-License-Identifier: ISC
// Internationalised names in the one form that is stored and compared: domains as A-labels
// (RFC 5890), other text in Unicode's normal form C.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace restante::mail {

// Domain = sub-domain *("." sub-domain) of RFC 5321 section 4.1.2 in ASCII, and "_". No top-level
// domain is a number (RFC 3696 section 2), so a bare IPv4 address is none.
[[nodiscard]] bool is_domain(std::string_view text);

// A domain with U-labels as one with A-labels, after the mapping of UTS #46 (nontransitional) and
// the rules of IDNA2008; nothing if it is no domain. One in ASCII is put in lower case and not
// looked at further: an A-label that stands for nothing is still a name that mail may come from.
[[nodiscard]] std::optional<std::string> domain_to_ascii(std::string_view text);

// UTF-8 in normal form C: the same text in the same bytes, whoever composed it. What is no UTF-8
// stays as it is.
[[nodiscard]] std::string to_nfc(std::string_view text);

}  // namespace restante::mail
