// SPDX-License-Identifier: ISC
#include "apid/api/authenticator.h"

#include <string>

#include "shared/base/ascii.h"
#include "shared/log/log.h"

namespace restante::apid {
namespace {

// The key of a request, or empty. A bearer token (RFC 6750 section 2.1) is what every version of
// Prometheus can send; it is accepted where `access` allows it.
std::string_view key_of(const Request& request, Access access) {
  constexpr std::string_view kScheme = "Bearer ";
  if (access != Access::kWithKeyOrToken || !request.api_key.empty()) return request.api_key;
  const std::string_view given = request.field("authorization");
  const bool is_token = given.size() > kScheme.size() &&
                        equal_ignoring_case(given.substr(0, kScheme.size()), kScheme);
  return is_token ? given.substr(kScheme.size()) : std::string_view();
}

Response unauthorized(std::string_view text) {
  Response response = error_response(401, text);
  // RFC 9110 section 15.5.2 demands the field; there is no registered scheme for a key.
  response.headers.emplace_back("WWW-Authenticate", "ApiKey header=\"X-API-KEY\"");
  return response;
}

Response too_often(std::chrono::milliseconds left) {
  return too_many_requests("too many wrong API keys from this address", left);
}

std::string subject_of(const Request& request) { return "wrong key " + request.client.rate_key; }

std::uint32_t limit_of(const config::Config& config) {
  return static_cast<std::uint32_t>(config.api_key_failure_limit);
}

}  // namespace

Authenticator::Authenticator(const config::Config& config, memory::RateTable rates)
    : config_(config), rates_(rates), keys_(config.api_key) {}

std::optional<std::chrono::milliseconds> Authenticator::locked_for(
    const Request& request, std::chrono::milliseconds now) const {
  return rates_.used_up(subject_of(request), limit_of(config_), now);
}

std::optional<KnownKey> Authenticator::identify(const Request& request, Access access,
                                                std::chrono::milliseconds now) const {
  std::optional<KnownKey> key = keys_.find(key_of(request, access));
  if (key && !key->is_strong && locked_for(request, now)) return {};
  return key;
}

std::optional<Response> Authenticator::refusal(const Request& request, Access access,
                                               std::chrono::milliseconds now) {
  if (access == Access::kAnyone || access == Access::kAnyoneUncounted) return {};
  if (const auto left = locked_for(request, now)) return too_often(*left);
  if (key_of(request, access).empty())  // that is not a guess
    return unauthorized("no API key; send it in the header field X-API-KEY");
  const std::uint32_t limit = limit_of(config_);
  const memory::RateVerdict verdict = rates_.admit(subject_of(request), limit, now);
  if (!verdict.admitted) return too_often(verdict.reset_in);  // another worker counted first
  if (verdict.remaining == 0) {
    log::warning("wrong_keys", {{"ip", request.client.text}, {"limit", limit}});
  }
  return unauthorized("invalid API key");
}

}  // namespace restante::apid
