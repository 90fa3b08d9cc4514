// SPDX-License-Identifier: ISC
// What the sandbox must leave open to a worker: sockets, ports and files that it will open itself.
#pragma once

#include "shared/base/program.h"
#include "shared/config/config.h"
#include "shared/worker/landlock.h"

namespace restante::worker {

struct Needs {
  bool sockets = false;  // makes connections: Unix sockets at least
  bool tcp = false;      // … and to Redis by TCP
  bool names = false;    // … whose name has to be resolved
  bool syslog = false;
  LandlockRules rules;  // files and ports

  [[nodiscard]] bool files() const { return !rules.readable.empty(); }
};

[[nodiscard]] Needs needs_of(Program program, const config::Config& config);

}  // namespace restante::worker
