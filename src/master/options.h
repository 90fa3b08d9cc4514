// SPDX-License-Identifier: ISC
// The command line of restante(8).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/error.h"

namespace restante::master {

enum class Mode : std::uint8_t { kServe, kCheck, kPrint, kVersion, kHelp };

struct Options {
  Mode mode = Mode::kServe;
  bool demo = false;
  std::optional<std::string> file;    // -c
  std::vector<std::string> settings;  // of each -o, in their order
};

// Returns kConfig with the option that is wrong. Changes the order of `argv`, as getopt_long(3)
// does.
[[nodiscard]] Result<Options> parse_options(int argc, char** argv);

[[nodiscard]] std::string usage();

}  // namespace restante::master
