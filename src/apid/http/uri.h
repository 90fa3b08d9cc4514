// SPDX-License-Identifier: ISC
// Parses the parts of a URI that a client sends, as strictly as RFC 3986 allows.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace restante::apid {

// Decodes %XX (RFC 3986 section 2.1). Fails if an escape is malformed, if the text has a control
// character (NUL, CR, LF …), or if the result is not UTF-8. The error is a text for the client.
[[nodiscard]] std::expected<std::string, std::string> percent_decode(std::string_view text);

// Encodes a path: the bytes that are not a pchar of RFC 3986, and each '%' that does not begin an
// escape. Escapes stay as they are.
[[nodiscard]] std::string escape_path(std::string_view path);

// Encodes a value of a query: all bytes but the unreserved characters of RFC 3986.
[[nodiscard]] std::string escape_query(std::string_view value);

struct QueryParameter {
  std::string_view name;  // as sent, a view of the query
  std::string value;      // decoded; '+' is a space
};

// Splits a query, name=value joined by '&'. Fails if a value cannot be decoded, or if a name is
// given twice, because implementations disagree about which one counts. The error is a text for the
// client.
[[nodiscard]] std::expected<std::vector<QueryParameter>, std::string> parse_query(
    std::string_view query);

// The host of a Host field (RFC 9110 section 7.2: uri-host [ ":" port ]), without the port: a
// domain name, an IPv4 address, or an IPv6 address in brackets. Nothing if the field is malformed.
[[nodiscard]] std::optional<std::string_view> parse_host(std::string_view field);

}  // namespace restante::apid
