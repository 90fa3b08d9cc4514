// SPDX-License-Identifier: ISC
// The command line of restantectl(8), and the settings that it works with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::ctl {

// Exit statuses of restantectl(8).
inline constexpr int kFine = 0, kProblem = 1, kUsage = 2, kNotRunning = 3;

enum class SortBy : std::uint8_t { kBytes, kCount, kNewest };

struct Options {
  std::string command;             // or "help" or "version"
  std::vector<std::string> words;  // behind it
  std::optional<std::string> file;
  std::optional<std::string> runtime_dir;
  std::vector<std::string> settings;  // -o, in order
  std::uint64_t count = 0;            // -n; 0: not given
  SortBy sort_by = SortBy::kBytes;
  bool json = false;

  // How many lines a list has at most.
  [[nodiscard]] std::size_t lines() const { return count == 0 ? 50 : count; }
};

// Options may stand before or behind the command.
[[nodiscard]] Result<Options> parse_options(int argc, char** argv);

[[nodiscard]] std::string usage();

// From where restante itself would have them. With -r the file is read only if it is named, and
// Redis is the private one of that directory, if there is one. What is required may be missing.
[[nodiscard]] Result<config::Config> read_config(const Options& options);

}  // namespace restante::ctl
