// SPDX-License-Identifier: ISC
// The HTTP API: checks each request and has the handler of its route respond.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "apid/api/authenticator.h"
#include "apid/api/router.h"
#include "apid/api/services.h"
#include "apid/http/compression.h"
#include "apid/http/cors.h"
#include "apid/http/request.h"
#include "apid/http/responder.h"
#include "shared/config/config.h"
#include "shared/memory/rate_table.h"
#include "shared/net/address_range.h"

namespace restante::apid {

class Api {
 public:
  // `config`, the memory of `rates` and all that `backend` refers to outlive the object.
  Api(const config::Config& config, Backend backend, memory::RateTable rates);

  // Refuses a client of client_blocked. Checks rate limit and key, unless the route is exempt, then
  // path, method and arguments, in this order. OPTIONS of an existing path needs no key. `now` is
  // monotonic_now(). May respond before it returns; a response may also come after the end of this
  // object.
  void handle(const Request& request, std::chrono::milliseconds now, const Responder& respond);

  // See Settlements::when_settled().
  void when_settled(std::function<void()> settled) {
    services_.settlements.when_settled(std::move(settled));
  }

 private:
  // Adds to each response what does not depend on the route: CORS, compression, bounded memory.
  [[nodiscard]] Responder finishing(const Request& request, std::string key_fingerprint,
                                    const Responder& respond) const;
  // Checks all but the rate limit. `key` is the right key of the request, if it has one.
  void dispatch(const Request& request, const Route& route, const std::optional<KnownKey>& key,
                std::chrono::milliseconds now, const Responder& respond);

  Services services_;
  memory::RateTable rates_;
  std::vector<net::AddressRange> trusted_, blocked_;  // clients
  Authenticator authenticator_;
  // Shared with responses that come after the end of this object.
  std::shared_ptr<const Cors> cors_;
  std::shared_ptr<Gzip> gzip_;
};

}  // namespace restante::apid
