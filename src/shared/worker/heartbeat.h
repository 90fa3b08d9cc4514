// SPDX-License-Identifier: ISC
// The heartbeat of a worker on the scoreboard: once a second, from its event loop, so that who
// looks sees that the loop goes round.
#pragma once

#include <chrono>

#include "shared/base/clock.h"
#include "shared/memory/scoreboard.h"
#include "shared/net/event_loop.h"

namespace restante {

class Pulse {
 public:
  static constexpr std::chrono::seconds kEvery{1};

  Pulse(event_base* base, Tally tally) : tally_(std::move(tally)), next_(base, [this] { beat(); }) {
    beat();
  }

 private:
  void beat() {
    tally_.beat(monotonic_now());
    next_.start(kEvery);
  }
  Tally tally_;
  Timer next_;
};

}  // namespace restante
