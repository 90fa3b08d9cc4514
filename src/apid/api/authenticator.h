// SPDX-License-Identifier: ISC
// Who may ask for what: the key of a request, and how often a client may be wrong about it.
#pragma once

#include <chrono>
#include <optional>

#include "apid/api/keys.h"
#include "apid/http/message.h"
#include "apid/api/router.h"
#include "shared/config/config.h"
#include "shared/memory/rate_table.h"

namespace restante::apid {

class KeyGuard {
 public:
  // The memory of `rates` stays mapped; the limit of `config` is looked at with each request.
  KeyGuard(const Config& config, RateTable rates);

  // What to answer instead of doing what was asked: 401, or 429 for a client that was wrong too
  // often, whatever key it has now; nothing for who may. `now` is of monotonic_now().
  [[nodiscard]] std::optional<Response> refusal(const Request& request, Access access,
                                                std::chrono::milliseconds now);

 private:
  const Config& config_;
  RateTable rates_;
  ApiKeys keys_;
};

}  // namespace restante::apid
