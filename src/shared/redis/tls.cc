// SPDX-License-Identifier: ISC
#include "shared/redis/tls.h"

#ifdef RESTANTE_REDIS_TLS
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "shared/base/c_ptr.h"
#endif

namespace restante::redis {

#ifdef RESTANTE_REDIS_TLS
namespace {

Error tls_error(std::string_view setting, const std::string& path) {
  const std::string reason = Tls::last_error();
  return {ErrorKind::kConfig,
          fmt::format("{}: {}: {}", setting, path, reason.empty() ? "cannot be read" : reason)};
}

}  // namespace

Result<Tls> Tls::make(const config::Config& config) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) return fail(ErrorKind::kUnavailable, "out of memory");
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  // hiredis writes the rest of a buffer, which may have moved.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A file, because OpenSSL would read a directory of authorities at each connection.
  if (SSL_CTX_load_verify_file(context.get(), config.redis_tls_ca.c_str()) != 1) {
    return std::unexpected(tls_error("redis_tls_ca", config.redis_tls_ca));
  }
  if (config.redis_tls_certificate.empty()) return Tls(std::move(context));
  if (SSL_CTX_use_certificate_chain_file(context.get(), config.redis_tls_certificate.c_str()) !=
      1) {
    return std::unexpected(tls_error("redis_tls_certificate", config.redis_tls_certificate));
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), config.redis_tls_key.c_str(), SSL_FILETYPE_PEM) !=
      1) {
    return std::unexpected(tls_error("redis_tls_key", config.redis_tls_key));
  }
  return Tls(std::move(context));
}

bool Tls::start(redisContext& connection, const std::string& host) const {
  ERR_clear_error();
  CPtr<SSL, SSL_free> ssl(SSL_new(context_.get()));
  if (!ssl) return false;
  const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
  if (!is_address && (SSL_set1_host(ssl.get(), host.c_str()) != 1 ||
                      SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1)) {
    return false;
  }
  // Takes ownership, also when it fails.
  return redisInitiateSSL(&connection, ssl.release()) == REDIS_OK;
}

std::string Tls::last_error() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? std::string() : reason;
}
#else
Result<Tls> Tls::make(const config::Config&) {
  return fail(ErrorKind::kConfig, "redis: this build has no TLS to Redis");
}

bool Tls::start(redisContext&, const std::string&) const { return false; }

std::string Tls::last_error() { return {}; }
#endif

Result<config::RedisAddress> address_of(const config::Config& config) {
  auto address = config::parse_redis_address(config.redis);
  if (!address || !address->over_tls) return address;
  auto tls = Tls::make(config);
  if (!tls) return std::unexpected(std::move(tls.error()));
  address->tls = std::make_shared<const Tls>(*std::move(tls));
  return address;
}

}  // namespace restante::redis
