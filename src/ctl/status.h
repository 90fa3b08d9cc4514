// SPDX-License-Identifier: ISC
// What the segment says of the restante that runs. No process is asked, so a hanging one delays
// nothing.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "shared/base/error.h"
#include "shared/memory/scoreboard.h"
#include "shared/memory/segment.h"
#include "shared/redis/durability.h"
#include "shared/worker/sandbox_state.h"

namespace restante::ctl {

struct Status {
  std::string version;
  pid_t master = 0;
  std::int64_t now = 0;                                 // Unix time in s
  std::chrono::milliseconds taken{};                    // when, by the monotonic clock
  std::int64_t started_at = 0, certificate_expiry = 0;  // Unix time in s
  std::uint64_t generation = 0, deaths = 0, reloads = 0, failed_reloads = 0;
  bool redis_up = false, redis_full = false;
  redis::Risks redis_risks = 0;
  worker::SandboxState sandbox;
  memory::Score score;

  // A worker whose heartbeat is older than 5 s. Those without a heartbeat never do.
  [[nodiscard]] bool hangs(const memory::ProcessScore& process) const;
  // Something hangs, Redis is away, or the certificate has expired.
  [[nodiscard]] bool has_problem() const;
};

[[nodiscard]] std::string segment_path(const std::string& runtime_dir);

// All but the master's pid. Workers write the segment, so nothing that stands in it is relied upon.
[[nodiscard]] Status status_of(const memory::Segment& segment);

// kUnavailable: restante does not run.
[[nodiscard]] Result<Status> read_status(const std::string& runtime_dir);

// One screen. With `before` the rates are since then, else since the start.
[[nodiscard]] std::string status_text(const Status& status, const Status* before = nullptr);
[[nodiscard]] std::string status_json(const Status& status);

// Below which time a share of the observations lie, in ms; nothing without any. Of the last bucket
// its lower end.
[[nodiscard]] std::optional<double> quantile_ms(const memory::Histogram& histogram, double share);

}  // namespace restante::ctl
