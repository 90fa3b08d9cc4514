// SPDX-License-Identifier: ISC
// The parts of a URI that a client can write, read strictly: RFC 3986 and nothing more lenient.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace restante::apid {

// Decodes %XX (RFC 3986 section 2.1). The error says what is wrong: an incomplete or malformed
// escape, a control byte (NUL, CR, LF …), or bytes that are not UTF-8 in the end.
[[nodiscard]] std::expected<std::string, std::string> percent_decode(std::string_view text);

// The reverse, for what goes into a path: bytes outside RFC 3986's pchar, and '%' that begins no
// escape, are encoded; what is encoded already stays as it is.
[[nodiscard]] std::string escape_path(std::string_view path);

// For a value of a query: all but RFC 3986's unreserved characters is encoded.
[[nodiscard]] std::string escape_query(std::string_view value);

struct QueryParameter {
  std::string_view name;  // as sent: a view of the query
  std::string value;      // decoded, '+' is a space
};

// `name=value` joined by '&'; a name given twice is an error, since readers disagree about which
// one counts.
[[nodiscard]] std::expected<std::vector<QueryParameter>, std::string> parse_query(
    std::string_view query);

// The host of a Host field (RFC 9110 section 7.2: uri-host [ ":" port ]), without the port: a
// domain name, an IPv4 address or an IPv6 address in brackets.
[[nodiscard]] std::optional<std::string_view> parse_host(std::string_view field);

}  // namespace restante::apid
