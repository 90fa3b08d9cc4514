// SPDX-License-Identifier: ISC
// The heartbeat of a worker on the scoreboard: once a second, from its event loop, so that who
// looks sees that the loop goes round.
#pragma once

#include <chrono>

#include "shared/base/clock.h"
#include "shared/memory/scoreboard.h"
#include "shared/net/event_loop.h"

namespace restante::worker {

class Heartbeat {
 public:
  static constexpr std::chrono::seconds kEvery{1};

  Heartbeat(event_base* base, memory::Counters counters)
      : counters_(std::move(counters)), next_(base, [this] { beat(); }) {
    beat();
  }

 private:
  void beat() {
    counters_.beat(monotonic_now());
    next_.start(kEvery);
  }
  memory::Counters counters_;
  net::Timer next_;
};

}  // namespace restante::worker
