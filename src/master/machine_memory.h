// SPDX-License-Identifier: ISC
// How much memory there is for all processes of restante.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace restante::master {

// Returns the bytes of this machine's memory, or of the smallest limit of the cgroups (version 2)
// that this process is in.
[[nodiscard]] std::uint64_t usable_memory();

// The same for a machine with `total` bytes. `membership` is the content of /proc/self/cgroup, and
// `root` is where the cgroups are mounted.
[[nodiscard]] std::uint64_t usable_memory(std::uint64_t total, std::string_view membership,
                                          const std::filesystem::path& root);

}  // namespace restante::master
