// SPDX-License-Identifier: ISC
// Landlock: a process gives up files, TCP ports and more for good, as far as the kernel has it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/error.h"

namespace restante::worker {

// What is left to a process that has entered; all else is gone.
struct LandlockRules {
  // Files that may be read, and directories with all below. What is not there is left out: a file
  // that is made, or put in its place, later cannot be read.
  std::vector<std::string> readable;
  // The same, and to be executed.
  std::vector<std::string> programs;
  // Directories below which files may be read, made, written, renamed and removed.
  std::vector<std::string> writable;
  // Directories below which Unix sockets may be made, and files removed.
  std::vector<std::string> socket_directories;
  // Ports that may be connected to by TCP; nothing: all.
  std::optional<std::vector<std::uint16_t>> ports;
};

// From which version of Landlock's interface on the kernel can take what away.
inline constexpr int kLandlockFiles = 1;
inline constexpr int kLandlockRenames = 2;  // before that none across directories, for `writable`
inline constexpr int kLandlockPorts = 4;
inline constexpr int kLandlockScopes = 6;  // abstract Unix sockets, and signals, of others

// The version of the interface that the kernel has; 0: it has no Landlock, or denies it.
[[nodiscard]] int landlock_version();

// For this thread, and with it for a process that has no other. Does what the kernel can do;
// nothing where it has no Landlock. Sets no_new_privs.
[[nodiscard]] Result<void> enter_landlock(const LandlockRules& rules);

}  // namespace restante::worker
