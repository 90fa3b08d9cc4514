// SPDX-License-Identifier: ISC
// Checks the API key of a request, and limits how often a client may offer a wrong one.
#pragma once

#include <chrono>
#include <optional>

#include "apid/api/keys.h"
#include "apid/api/router.h"
#include "apid/http/request.h"
#include "apid/http/response.h"
#include "shared/config/config.h"
#include "shared/memory/rate_table.h"

namespace restante::apid {

class Authenticator {
 public:
  // `config` and the memory of `rates` outlive the object. The keys are copied as hashes; the limit
  // api_key_failure_limit is read from `config` at each request.
  Authenticator(const config::Config& config, memory::RateTable rates);

  // The right key that the request carries. Nothing if it has none, or a wrong one. Nothing also if
  // its key is weak and the client has offered too many wrong keys within a minute: a weak key
  // could be guessed, so it has to wait. `now` is monotonic_now().
  [[nodiscard]] std::optional<KnownKey> identify(const Request& request, Access access,
                                                 std::chrono::milliseconds now) const;

  // For a request without a right key: nothing if it may have a route with this `access`. Otherwise
  // the response: 401, or 429 if the client has offered too many wrong keys within a minute.
  [[nodiscard]] std::optional<Response> refusal(const Request& request, Access access,
                                                std::chrono::milliseconds now);

 private:
  [[nodiscard]] std::optional<std::chrono::milliseconds> locked_for(
      const Request& request, std::chrono::milliseconds now) const;

  const config::Config& config_;
  memory::RateTable rates_;
  ApiKeys keys_;
};

}  // namespace restante::apid
