// SPDX-License-Identifier: ISC
// TLS to Redis (`rediss://`). It needs hiredis 1.1 or newer, which Debian 13 has; see kRedisHasTls.
#pragma once

#include <memory>
#include <string>

#include "shared/base/error.h"
#include "shared/config/config.h"
#include "shared/config/redis_address.h"

struct redisContext;
struct ssl_ctx_st;

namespace restante::redis {

class Tls {
 public:
  // Reads the files that the configuration names; they are not read again. TLS 1.2 is the oldest
  // version, and the certificate of the server is always verified. ErrorKind: kConfig, with the
  // name of the setting, or kUnavailable without memory.
  [[nodiscard]] static Result<Tls> make(const config::Config& config);

  // Begins the handshake on a connection that is being made. False: it failed, and the errstr of
  // `connection` may have the reason. The certificate must be valid for `host`, a name or address.
  [[nodiscard]] bool start(redisContext& connection, const std::string& host) const;

  // The last error of OpenSSL, which hiredis does not report; "" if there is none. Clears it.
  [[nodiscard]] static std::string last_error();

 private:
  explicit Tls(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}

  std::shared_ptr<ssl_ctx_st> context_;
};

// parse_redis_address() of the setting `redis`; for `rediss://` the address has a Tls.
[[nodiscard]] Result<config::RedisAddress> address_of(const config::Config& config);

}  // namespace restante::redis
