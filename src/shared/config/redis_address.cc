// SPDX-License-Identifier: ISC
#include "shared/config/redis_address.h"

#include <utility>

#include "shared/base/number.h"

namespace restante::config {
namespace {

constexpr std::string_view kForms =
    "host:port, unix:/path, redis://[[user]:password@]host[:port][/database] or "
    "sentinel://[[user]:password@]host[:port],host[:port]/master[/database]";
constexpr std::uint16_t kSentinelPort = 26379;

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
  if (!port.starts_with(':')) return false;
  address.port = parse_number<std::uint16_t>(port.substr(1)).value_or(0);
  return address.port != 0;
}

// Takes user and password off the front.
bool parse_credentials(std::string_view& text, RedisAddress& address) {
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = text.substr(0, at);
    const std::size_t colon = credentials.find(':');
    if (colon == std::string_view::npos) return false;
    address.user = credentials.substr(0, colon);
    address.password = credentials.substr(colon + 1);
    text.remove_prefix(at + 1);
  }
  return true;
}

// Takes the number of a database off the end.
bool parse_database(std::string_view& text, RedisAddress& address) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return true;
  const std::string_view database = text.substr(slash + 1);
  text = text.substr(0, slash);
  if (database.empty()) return true;
  const auto number = parse_number<std::uint32_t>(database);
  address.database = number.value_or(0);
  return number.has_value();
}

bool parse_url(std::string_view text, RedisAddress& address) {
  return parse_credentials(text, address) && parse_database(text, address) &&
         parse_host_port(text, address);
}

bool parse_sentinels(std::string_view text, RedisAddress& address) {
  if (!parse_credentials(text, address)) return false;
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  std::string_view servers = text.substr(0, slash), name = text.substr(slash + 1);
  if (!parse_database(name, address) || name.empty()) return false;
  address.master = name;
  for (bool more = true; more;) {
    const std::size_t comma = servers.find(',');
    more = comma != std::string_view::npos;
    RedisAddress one;
    one.port = kSentinelPort;
    if (!parse_host_port(servers.substr(0, comma), one)) return false;
    address.sentinels.push_back({std::move(one.host), one.port});
    if (more) servers.remove_prefix(comma + 1);
  }
  return true;
}

}  // namespace

Result<RedisAddress> parse_redis_address(std::string_view text) {
  RedisAddress address;
  bool good = false;
  if (text.starts_with("sentinel://")) {
    good = parse_sentinels(text.substr(11), address);
  } else if (text.starts_with("rediss://")) {
    if (!kRedisHasTls) {
      return fail(ErrorKind::kConfig,
                  "asks for TLS (rediss://), which takes hiredis 1.1 or newer: use {}", kForms);
    }
    address.over_tls = true;
    good = parse_url(text.substr(9), address);
  } else if (text.starts_with("redis://")) {
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

}  // namespace restante::config
