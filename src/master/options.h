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
  std::vector<std::string> settings;  // -o, in order
};

[[nodiscard]] Result<Options> parse_options(int argc, char** argv);

[[nodiscard]] std::string usage();

}  // namespace restante::master
