// SPDX-License-Identifier: ISC
#include "shared/worker/sandbox_state.h"

#include "shared/base/build_kind.h"
#include "shared/worker/landlock.h"

namespace restante::worker {

std::string_view SandboxState::open() const {
  if (!on) return "everything";
  if (landlock < kLandlockFiles) return "files to read, TCP ports, abstract Unix sockets";
  if (landlock < kLandlockPorts) return "TCP ports, abstract Unix sockets";
  if (landlock < kLandlockScopes) return "abstract Unix sockets";
  return {};
}

std::uint64_t SandboxState::packed() const {
  return on ? 1 + static_cast<std::uint64_t>(landlock) : 0;
}

SandboxState SandboxState::unpack(std::uint64_t word) {
  if (word == 0) return {};
  return {.on = true, .landlock = static_cast<int>(word - 1)};
}

SandboxState sandbox_state(const config::Config& config) {
  const bool on = config.sandbox == config::Sandbox::kYes && kFitsSandbox;
  return {.on = on, .landlock = landlock_version()};
}

}  // namespace restante::worker
