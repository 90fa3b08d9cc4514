// SPDX-License-Identifier: ISC
#include "master/sources.h"

#include <unistd.h>

#include <algorithm>

#include "master/key_files.h"
#include "shared/config/api_key.h"
#include "shared/log/log.h"

namespace restante::master {
namespace {

// Whether there is an API key that does not stand as its hash, or a password of Redis.
bool has_secrets(const config::Config& config) {
  return config.redis.contains('@') || !std::ranges::all_of(config.api_key, config::is_key_hash);
}

Result<void> read_config_file(config::Loader& reader, const Options& options) {
  if (options.demo && !options.file) return {};
  auto read = reader.load_file(options.file);
  if (read && has_secrets(reader.config())) {
    warn_if_readable_by_all(options.file.value_or(config::kDefaultFile));
  }
  if (!read && options.file && access(options.file->c_str(), R_OK) != 0) {
    read.error().what += advice_to_let_read(*options.file, errno);
  }
  return read;
}

void warn_of_weak_keys(const config::Config& config) {
  for (const std::string& key : config.api_key) {
    if (!config::is_key_hash(key) && key.size() < config::kStrongKey) {
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
