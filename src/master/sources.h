// SPDX-License-Identifier: ISC
// Where the configuration comes from: read at start, and again by the same way at each reload.
#pragma once

#include <string>
#include <vector>

#include "master/options.h"
#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

struct Sources {
  Options options;
  std::vector<std::string> demo;  // settings of --demo; everything else is above them
};

// Demo, file, environment, -o. What is still missing is found by finish().
[[nodiscard]] Result<ConfigReader> read_sources(const Sources& sources);

// The whole configuration, with the API keys of api_key_file in `api_key`. Warns of weak keys.
[[nodiscard]] Result<Config> finish_config(const ConfigReader& reader);

}  // namespace restante::master
