// SPDX-License-Identifier: ISC
// Where Redis is: parses the forms in which people write it.
#include "shared/redis_address.h"

#include <charconv>

namespace restante {
namespace {

constexpr std::string_view kForms =
    "host:port, unix:/path or redis://[[user]:password@]host[:port][/database]";

template <class T>
bool parse_number(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_host_port(std::string_view text, RedisAddress& address) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    address.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else {
    const std::size_t colon = text.find(':');
    address.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (address.host.empty()) return false;
  if (port.empty()) return true;
  return port.starts_with(':') && parse_number(port.substr(1), address.port) && address.port != 0;
}

bool parse_url(std::string_view text, RedisAddress& address) {
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = text.substr(0, at);
    const std::size_t colon = credentials.find(':');
    if (colon == std::string_view::npos) return false;
    address.user = credentials.substr(0, colon);
    address.password = credentials.substr(colon + 1);
    text.remove_prefix(at + 1);
  }
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const std::string_view database = text.substr(slash + 1);
    if (!database.empty() && !parse_number(database, address.database)) return false;
    text = text.substr(0, slash);
  }
  return parse_host_port(text, address);
}

}  // namespace

Result<RedisAddress> parse_redis_address(std::string_view text) {
  RedisAddress address;
  if (text.starts_with("rediss://")) {
    return fail(ErrorKind::kConfig, "asks for TLS (rediss://), which this build has not: use {}",
                kForms);
  }
  bool good = false;
  if (text.starts_with("redis://")) {
    good = parse_url(text.substr(8), address);
  } else if (text.starts_with("unix:/") || text.starts_with('/')) {
    address.path = text.substr(text.starts_with('/') ? 0 : 5);
    good = address.path.size() > 1;
  } else {
    good = parse_host_port(text, address);
  }
  if (!good) return fail(ErrorKind::kConfig, "is no address of a Redis: use {}", kForms);
  return address;
}

}  // namespace restante
