// SPDX-License-Identifier: ISC
// TLS to Redis (`rediss://`), where hiredis has it: from version 1.1 on, as Debian 13 has.
#pragma once

#include <memory>
#include <string>

#include "shared/config/config.h"
#include "shared/base/error.h"
#include "shared/config/redis_address.h"

struct redisContext;
struct ssl_ctx_st;

namespace restante {

class RedisTls {
 public:
  // Reads the files that the configuration names, now and never again. TLS 1.2 at least; the
  // server's certificate is always verified. An error names the setting.
  [[nodiscard]] static Result<RedisTls> make(const Config& config);

  // Begins the handshake on a connection that is being made; false: it cannot be, and the
  // context's errstr may say why. The certificate has to be one for `host`, a name or an address.
  [[nodiscard]] bool start(redisContext& connection, const std::string& host) const;

  // Why OpenSSL gave up, which hiredis does not say; "" if it did not.
  [[nodiscard]] static std::string take_error();

 private:
  explicit RedisTls(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}

  std::shared_ptr<ssl_ctx_st> context_;
};

// parse_redis_address() of the setting `redis`, with what it takes to connect by TLS.
[[nodiscard]] Result<RedisAddress> redis_of(const Config& config);

}  // namespace restante
