// SPDX-License-Identifier: ISC
// The metrics in the text exposition format 0.0.4 of Prometheus.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/memory/segment.h"
#include "shared/redis/durability.h"

namespace restante::apid {

// The metrics that are not in the score.
struct ServiceState {
  std::string_view version;
  bool redis_up, redis_full;
  redis::Risks redis_risks;
  std::uint64_t started_at, certificate_expiry;  // Unix time in s; 0: not known
  std::uint64_t deaths, reloads, failed_reloads;
};

[[nodiscard]] std::string format_metrics(const memory::Score& score, const ServiceState& state);

// Formats what the segment has now.
[[nodiscard]] std::string metrics_text(const memory::Segment& segment);

}  // namespace restante::apid
