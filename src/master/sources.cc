// SPDX-License-Identifier: ISC
// Reads the configuration from where it comes from.
#include "master/sources.h"

#include <fcntl.h>
#include <unistd.h>

#include "master/key_files.h"
#include "shared/base/c_ptr.h"
#include "shared/base/secrets.h"
#include "shared/config/api_key.h"
#include "shared/log/log.h"
#include "shared/worker/context.h"

namespace restante::master {
namespace {

constexpr const char* kDefaultFile = RESTANTE_SYSCONFDIR "/restante.conf";

Result<void> read_config_file(ConfigReader& reader, const Sources& sources) {
  const Options& options = sources.options;
  if (options.demo && !options.file) return {};
  const std::string path = options.file.value_or(kDefaultFile);
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    const int error_number = errno;
    // Without -c the environment may say all that is needed.
    if (error_number == ENOENT && !options.file) return {};
    return fail(ErrorKind::kConfig, "cannot read {}: {}{}", path, errno_text(error_number),
                advice_to_let_read(path, error_number));
  }
  auto text = read_all(file.get());
  if (!text) return fail(ErrorKind::kConfig, "cannot read {}: {}", path, text.error().what);
  const WipedAtEnd has_keys(*text);
  return reader.read_file(*text, path);
}

void warn_of_weak_keys(const Config& config) {
  for (const std::string& key : config.api_key) {
    if (!is_key_hash(key) && key.size() < 16) {
      log::warning("weak_api_key", {{"characters", key.size()},
                                    {"advice", "use the output of openssl rand -hex 24"}});
    }
  }
}

}  // namespace

Result<ConfigReader> read_sources(const Sources& sources) {
  ConfigReader reader;
  for (const std::string& setting : sources.demo) {
    if (auto set = reader.set(setting, "demo"); !set) return std::unexpected(set.error());
  }
  if (auto read = read_config_file(reader, sources); !read) return std::unexpected(read.error());
  std::vector<const char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  if (auto read = reader.read_environment(variables); !read) return std::unexpected(read.error());
  for (const std::string& setting : sources.options.settings) {
    if (auto set = reader.set(setting, "-o"); !set) return std::unexpected(set.error());
  }
  return reader;
}

Result<Config> finish_config(const ConfigReader& reader) {
  auto config = reader.finish();
  if (!config) return config;
  if (auto read = read_key_file(*config); !read) return std::unexpected(read.error());
  warn_of_weak_keys(*config);
  return config;
}

}  // namespace restante::master
