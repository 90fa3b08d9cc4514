// SPDX-License-Identifier: ISC
#include "apid/http/uri.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>

#include "shared/base/ascii.h"
#include "shared/base/hex.h"
#include "shared/base/utf8.h"

namespace restante::apid {
namespace {

constexpr std::size_t kMaxHostname = 253;  // RFC 1035 section 2.3.4, as text
constexpr std::size_t kMaxLabel = 63;

// pchar without pct-encoded, and the "/" between segments: RFC 3986 section 3.3.
bool is_path_byte(char c) {
  return is_alphanumeric(c) || std::string_view("-._~!$&'()*+,;=:@/").contains(c);
}

// The byte of the escape at the start of `text`, or -1 if it is malformed.
int escaped_byte(std::string_view text) {
  return text.size() < 3 || text[0] != '%' ? -1 : hex_byte(text[1], text[2]);
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
         label.back() != '-' && std::ranges::all_of(label, [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '_';
         });
}

bool is_hostname(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);  // the root: a fully qualified name
  if (name.empty() || name.size() > kMaxHostname) return false;
  while (true) {
    const std::size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_ipv6(std::string_view text) {
  in6_addr address;
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

bool is_port(std::string_view text) {  // *DIGIT, so it may be empty
  return text.size() <= 5 && std::ranges::all_of(text, is_digit);
}

}  // namespace

std::expected<std::string, std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '%') {
      byte = escaped_byte(text.substr(i));
      if (byte < 0) return std::unexpected("a % must be followed by two hexadecimal digits");
      i += 2;
    }
    if (byte < 0x20 || byte == 0x7f) {
      return std::unexpected(fmt::format("it holds the control character %{:02X}", byte));
    }
    decoded.push_back(static_cast<char>(byte));
  }
  if (!is_valid_utf8(decoded)) return std::unexpected("it is not UTF-8 once it is decoded");
  return decoded;
}

std::string escape_path(std::string_view path) {
  std::string escaped;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (is_path_byte(path[i]) || escaped_byte(path.substr(i)) >= 0) {
      escaped.push_back(path[i]);
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(path[i]));
    }
  }
  return escaped;
}

std::string escape_query(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (is_alphanumeric(c) || std::string_view("-._~").contains(c)) {
      escaped.push_back(c);
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return escaped;
}

std::expected<std::vector<QueryParameter>, std::string> parse_query(std::string_view query) {
  std::vector<QueryParameter> parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::string_view name = pair.substr(0, pair.find('='));
    std::string raw(pair.substr(std::min(pair.size(), name.size() + 1)));
    std::ranges::replace(raw, '+', ' ');
    std::expected<std::string, std::string> value = percent_decode(raw);
    if (!value) {
      return std::unexpected(fmt::format("bad query parameter \"{}\": {}", name, value.error()));
    }
    if (std::ranges::find(parameters, name, &QueryParameter::name) != parameters.end()) {
      return std::unexpected(fmt::format("query parameter \"{}\" is given twice", name));
    }
    parameters.push_back({name, *std::move(value)});
  }
  return parameters;
}

std::optional<std::string_view> parse_host(std::string_view field) {
  if (field.starts_with('[')) {
    const std::size_t end = field.find(']');
    if (end == std::string_view::npos || !is_ipv6(field.substr(1, end - 1))) return std::nullopt;
    const std::string_view port = field.substr(end + 1);
    if (!port.empty() && (port[0] != ':' || !is_port(port.substr(1)))) return std::nullopt;
    return field.substr(0, end + 1);
  }
  const std::size_t colon = field.find(':');
  if (colon != std::string_view::npos && !is_port(field.substr(colon + 1))) return std::nullopt;
  const std::string_view host = field.substr(0, colon);
  if (!is_hostname(host)) return std::nullopt;
  return host;
}

}  // namespace restante::apid
