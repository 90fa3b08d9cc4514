// SPDX-License-Identifier: ISC
// Reads the configuration from where it comes from, at the start and in the same way at each
// reload.
#pragma once

#include <string>
#include <vector>

#include "master/options.h"
#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

struct Sources {
  Options options;
  std::vector<std::string> demo;  // settings of --demo; all other sources override them
};

// Reads the settings of --demo, then the file, the environment and -o; the later ones win. The
// error names the source, the line and the setting. Required settings that are missing are no error
// here.
[[nodiscard]] Result<config::Loader> read_sources(const Sources& sources);

// Returns the whole configuration, with the API keys of api_key_file added to `api_key`. The error
// (kConfig) names what is missing. Logs a warning for each key that is weak
// (config::kStrongKey).
[[nodiscard]] Result<config::Config> finish_config(const config::Loader& reader);

}  // namespace restante::master
