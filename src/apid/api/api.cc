// SPDX-License-Identifier: ISC
#include "apid/api/api.h"

#include <algorithm>
#include <string>
#include <variant>

#include "apid/api/routes.h"

namespace restante::apid {
namespace {

constexpr std::size_t kSmallResponse = 64 * 1024;

// The fields of draft-ietf-httpapi-ratelimit-headers-07 section 3: seconds until the window ends.
void add_rate_headers(Response& response, const memory::RateVerdict& verdict, std::uint32_t limit) {
  response.headers.emplace_back("RateLimit-Limit", std::to_string(limit));
  response.headers.emplace_back("RateLimit-Remaining", std::to_string(verdict.remaining));
  response.headers.emplace_back("RateLimit-Reset", whole_seconds(verdict.reset_in));
}

// A large response takes room as a download does, because its client may read it slowly.
void bound(Response& response, DownloadRoom& downloads, const DownloadRoom::Taker& taker) {
  if (response.body.size() <= kSmallResponse || response.place) return;
  response.place = downloads.acquire(response.body.size(), taker);
  if (!response.place)
    response = try_later("there is no room for this answer now, try again later");
}

}  // namespace

Api::Api(const config::Config& config, Backend backend, memory::RateTable rates)
    : services_(config, std::move(backend)),
      rates_(rates),
      trusted_(net::parse_ranges(config.client_trusted)),
      blocked_(net::parse_ranges(config.client_blocked)),
      authenticator_(config, rates),
      cors_(std::make_shared<Cors>(config.api_cors_origin)),
      gzip_(std::make_shared<Gzip>()) {}

Responder Api::finishing(const Request& request, std::string key_fingerprint,
                         const Responder& respond) const {
  return respond.with([downloads = services_.downloads, taker = DownloadRoom::Taker(request),
                       cors = cors_, origin = std::string(request.field("origin")), gzip = gzip_,
                       packed = prefers_gzip(request.field("accept-encoding")),
                       key_fingerprint = std::move(key_fingerprint)](Response& response) mutable {
    response.key_fingerprint = key_fingerprint;
    bound(response, downloads, taker);
    cors->admit(response, origin);
    gzip->encode(response, packed);
  });
}

// A right key is counted for itself, wherever it comes from. Everything else is counted for the
// address of the client, so that others behind the same address do not lock out who has a key.
void Api::handle(const Request& request, std::chrono::milliseconds now, const Responder& asker) {
  if (net::is_in(blocked_, request.client.text)) {
    return finishing(request, {}, asker)(
        refuse(403, "requests from {} are not accepted here", request.client.text));
  }
  const Route route = find_route(all_routes(), request.method, request.path);
  const auto* match = std::get_if<RouteMatch>(&route);
  // Without a key nothing is said about paths and methods, except those that are for anyone.
  const Access access = match == nullptr ? Access::kWithKey : match->row->access;
  const std::optional<KnownKey> key = authenticator_.identify(request, access, now);
  const Responder respond = finishing(request, key ? key->fingerprint : std::string(), asker);
  const std::uint64_t limit_set = services_.config.api_rate_limit;
  if (limit_set == 0 || access == Access::kAnyoneUncounted ||
      net::is_in(trusted_, request.client.text)) {
    return dispatch(request, route, key, now, respond);
  }
  const auto limit =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(limit_set, memory::RateTable::kMaxLimit));
  const std::string subject = key ? "key " + key->fingerprint : request.client.rate_key;
  const memory::RateVerdict verdict = rates_.admit(subject, limit, now);
  const Responder respond_with_limit = respond.with(
      [verdict, limit](Response& response) { add_rate_headers(response, verdict, limit); });
  if (verdict.admitted) return dispatch(request, route, key, now, respond_with_limit);
  services_.counters.add(memory::Count::kApiRateLimited);
  respond_with_limit(too_many_requests("rate limit exceeded", verdict.reset_in));
}

void Api::dispatch(const Request& request, const Route& route, const std::optional<KnownKey>& key,
                   std::chrono::milliseconds now, const Responder& respond) {
  const auto* match = std::get_if<RouteMatch>(&route);
  const auto* no_method = std::get_if<NoSuchMethod>(&route);
  if (no_method != nullptr && request.method == "OPTIONS") {
    // Browsers ask without the key, and which paths there are is in the manual.
    return respond(cors_->answer_options(request, no_method->allow));
  }
  const Access access = match == nullptr ? Access::kWithKey : match->row->access;
  if (!key) {
    if (auto refusal = authenticator_.refusal(request, access, now)) {
      return respond(std::move(*refusal));
    }
  }
  if (no_method != nullptr) {
    Response response = refuse(405, "method not allowed; there is {}", no_method->allow);
    response.headers.emplace_back("Allow", no_method->allow + ", OPTIONS");
    return respond(std::move(response));
  }
  if (match == nullptr) {
    return respond(refuse(404, "not found; there is {}", describe_routes(all_routes())));
  }
  match->row->handler(services_, request, *match, respond);
}

}  // namespace restante::apid
