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

  // Returns nothing if the request may have a route with this `access`. Otherwise returns the
  // response: 401 without a valid key, or 429 if the client has offered too many wrong keys within
  // a minute, even if its key is valid now. `now` is monotonic_now().
  [[nodiscard]] std::optional<Response> refusal(const Request& request, Access access,
                                                std::chrono::milliseconds now);

 private:
  const config::Config& config_;
  memory::RateTable rates_;
  ApiKeys keys_;
};

}  // namespace restante::apid
