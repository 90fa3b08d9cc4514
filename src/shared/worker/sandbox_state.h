// SPDX-License-Identifier: ISC
// What the workers' sandbox is worth on this machine, for the log and for restantectl.
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/config/config.h"

namespace restante::worker {

struct SandboxState {
  bool on = false;
  int landlock = 0;  // the version of its interface; 0: the kernel has none

  // What it would close on a newer kernel, for people; empty: nothing.
  [[nodiscard]] std::string_view open() const;

  // As one word of the scoreboard.
  [[nodiscard]] std::uint64_t packed() const;
  [[nodiscard]] static SandboxState unpack(std::uint64_t word);
};

[[nodiscard]] SandboxState sandbox_state(const config::Config& config);

}  // namespace restante::worker
