// SPDX-License-Identifier: ISC
// What is counted, as Prometheus reads it (text exposition format 0.0.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/redis/durability.h"
#include "shared/memory/scoreboard.h"
#include "shared/memory/segment.h"

namespace restante::apid {

// What stands beside the scoreboard.
struct ServiceState {
  std::string_view version;
  bool redis_up, redis_full;
  RedisRisks redis_risks;
  std::uint64_t started_at, certificate_expiry;  // Unix time in s; 0: not known
  std::uint64_t deaths, reloads, failed_reloads;
};

[[nodiscard]] std::string format_metrics(const Score& score, const ServiceState& state);

[[nodiscard]] std::string metrics_text(const Segment& segment);

}  // namespace restante::apid
