// SPDX-License-Identifier: ISC
#include "master/sources.h"

#include <unistd.h>

#include "master/key_files.h"
#include "shared/config/api_key.h"
#include "shared/log/log.h"

namespace restante::master {
namespace {

Result<void> read_config_file(config::Loader& reader, const Options& options) {
  if (options.demo && !options.file) return {};
  auto read = reader.load_file(options.file);
  if (!read && options.file && access(options.file->c_str(), R_OK) != 0) {
    read.error().what += advice_to_let_read(*options.file, errno);
  }
  return read;
}

void warn_of_weak_keys(const config::Config& config) {
  for (const std::string& key : config.api_key) {
    if (!config::is_key_hash(key) && key.size() < 16) {
      log::warning("weak_api_key", {{"characters", key.size()},
                                    {"advice", "use the output of openssl rand -hex 24"}});
    }
  }
}

}  // namespace

Result<config::Loader> read_sources(const Sources& sources) {
  config::Loader reader;
  for (const std::string& setting : sources.demo) {
    if (auto set = reader.set(setting, "demo"); !set) return std::unexpected(set.error());
  }
  if (auto read = read_config_file(reader, sources.options); !read) {
    return std::unexpected(read.error());
  }
  if (auto read = reader.read_own_environment(); !read) return std::unexpected(read.error());
  for (const std::string& setting : sources.options.settings) {
    if (auto set = reader.set(setting, "-o"); !set) return std::unexpected(set.error());
  }
  return reader;
}

Result<config::Config> finish_config(const config::Loader& reader) {
  auto config = reader.finish();
  if (!config) return config;
  if (auto read = read_key_file(*config); !read) return std::unexpected(read.error());
  warn_of_weak_keys(*config);
  return config;
}

}  // namespace restante::master
