// SPDX-License-Identifier: ISC
// Where Redis is: the value of the setting `redis`, taken apart.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"

namespace restante::redis {
class Tls;
}

namespace restante::config {

// Whether this build can speak TLS to Redis.
#ifdef RESTANTE_REDIS_TLS
inline constexpr bool kRedisHasTls = true;
#else
inline constexpr bool kRedisHasTls = false;
#endif

struct RedisAddress {
  struct Server {
    std::string host;
    std::uint16_t port;
  };
  std::string host;  // empty: `path` is used
  std::uint16_t port = 6379;
  std::string path;  // Unix socket
  std::string user, password;
  std::uint32_t database = 0;
  std::vector<Server> sentinels;  // not empty: they say where `master` is, and host is empty
  std::string master;
  bool over_tls = false;
  std::shared_ptr<const redis::Tls> tls;  // set by redis::address_of() where over_tls is
};

// `host:port`, `host`, `unix:/path`, `/path`, `redis://[[user]:password@]host[:port][/db]`,
// `rediss://…` the same over TLS,
// `sentinel://[[user]:password@]host[:port][,host[:port]]…/master[/db]`. `rediss://` is refused
// without kRedisHasTls.
[[nodiscard]] Result<RedisAddress> parse_redis_address(std::string_view text);

}  // namespace restante::config
