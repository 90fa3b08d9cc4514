// SPDX-License-Identifier: ISC
#include "shared/config/config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <iterator>
#include <map>
#include <thread>

#include "shared/base/ascii.h"
#include "shared/base/file.h"
#include "shared/base/number.h"
#include "shared/base/secrets.h"
#include "shared/base/unique_fd.h"
#include "shared/base/utf8.h"
#include "shared/config/setting_value.h"
#include "shared/mail/domain.h"

namespace restante::config {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Result<void> assign(Config& config, std::string_view name, std::string_view value,
                    std::string_view place) {
  const Setting* setting = find_setting(name);
  if (setting == nullptr) {
    return fail(ErrorKind::kConfig, "{}: {} is no setting of restante; restante -T lists them",
                place, log::quoted(name));
  }
  if (auto fault = assign_value(*setting, value, config)) {
    return fail(ErrorKind::kConfig, "{}: {}: {} {}", place, name,
                setting->secret ? "its value" : log::quoted(value), *fault);
  }
  return {};
}
// The variables of the system that restante replaces, beside RESTANTE_<NAME>.
struct Variable {
  std::string_view name, setting;
};
constexpr std::array kVariables = {Variable{"DOMAIN", "domain"}, Variable{"API_KEY", "api_key"},
                                   Variable{"REDIS_ADDR", "redis"},
                                   Variable{"GIN_MODE", "log_level"}};

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), ascii_lower);
  return result;
}

std::string machine_name(const Config& config) {
  char name[HOST_NAME_MAX + 1] = {};
  if (gethostname(name, sizeof name - 1) == 0) {
    const std::string_view full(name);
    if (full.find('.') != std::string_view::npos && !check_domain(full)) return std::string(full);
  }
  return config.domain.front();
}

}  // namespace

bool Config::has_domain(std::string_view name) const {
  const auto ascii = mail::domain_to_ascii(name);
  return ascii && std::ranges::find(domain, *ascii) != domain.end();
}

Result<ListenAddress> parse_listen(std::string_view text) {
  constexpr std::string_view kHelp =
      "is no address:port with a numeric address; write *:25, 192.0.2.1:25 or [::1]:25";
  ListenAddress address{};
  std::string_view port = text;
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets) host = host.substr(1, host.size() - 2);
    if (host != "*") address.host = host;
    in6_addr binary{};
    const int family = brackets ? AF_INET6 : AF_INET;
    if (!address.host.empty() && inet_pton(family, address.host.c_str(), &binary) != 1) {
      return fail(ErrorKind::kConfig, "{}", kHelp);
    }
  }
  const auto number = parse_number<std::uint16_t>(port);
  if (!number) return fail(ErrorKind::kConfig, "{}", kHelp);
  address.port = *number;
  return address;
}

Result<LocalListen> parse_local_listen(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    LocalListen local{.path = std::string(text.substr(kUnix.size())), .address = {}};
    if (local.path.starts_with('/') && local.path.size() < sizeof sockaddr_un::sun_path) {
      return local;
    }
    return fail(ErrorKind::kConfig, "is no absolute path of at most {} bytes behind unix:",
                sizeof sockaddr_un::sun_path - 1);
  }
  auto address = parse_listen(text);
  if (!address) return std::unexpected(address.error());
  if (address->host.starts_with("127.") || address->host == "::1") {
    return LocalListen{.path = {}, .address = std::move(*address)};
  }
  return fail(ErrorKind::kConfig,
              "is no loopback address: API keys and mail would go over the wire in clear; write "
              "127.0.0.1:8080, [::1]:8080 or unix:/path, and have a reverse proxy speak TLS");
}

Loader::Loader() {
  for (const Setting& setting : settings()) {
    // A default that does not pass its own check would be found by the unit test.
    (void)assign_value(setting, setting.default_value, config_);
  }
}

Result<void> Loader::load_file(const std::optional<std::string>& name) {
  const std::string path = name.value_or(kDefaultFile);
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const int error_number = errno;
    if (error_number == ENOENT && !name) return {};  // the environment may say all that is needed
    return fail(ErrorKind::kConfig, "cannot read {}: {}", path, errno_text(error_number));
  }
  auto text = read_all(fd.get());
  if (!text) return fail(ErrorKind::kConfig, "cannot read {}: {}", path, text.error().what);
  const WipedAtEnd has_keys(*text);
  return read_file(*text, path);
}

Result<void> Loader::read_own_environment() {
  std::vector<const char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  return read_environment(variables);
}

Result<void> Loader::read_file(std::string_view text, std::string_view file) {
  std::map<std::string, int, std::less<>> lines_of;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const std::string place = fmt::format("{}:{}", file, number);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return fail(ErrorKind::kConfig, "{}: no '=' in {}; write name = value", place,
                  log::quoted(line));
    }
    const std::string_view name = trim(line.substr(0, equals));
    if (const auto [first, fresh] = lines_of.try_emplace(std::string(name), number); !fresh) {
      return fail(ErrorKind::kConfig, "{}: {} is set already, in line {}", place, log::quoted(name),
                  first->second);
    }
    if (auto done = assign(config_, name, trim(line.substr(equals + 1)), place); !done) return done;
  }
  return {};
}

Result<void> Loader::read_environment(std::span<const char* const> variables) {
  for (const std::string_view variable : variables) {
    const std::size_t equals = std::min(variable.find('='), variable.size());
    const std::string_view name = variable.substr(0, equals);
    std::string_view value = trim(variable.substr(std::min(equals + 1, variable.size())));
    std::string setting;
    if (name.starts_with("RESTANTE_")) setting = lower(name.substr(9));
    for (const Variable& original : kVariables) {
      if (original.name == name && !value.empty()) setting = original.setting;
    }
    if (setting.empty()) continue;
    if (name == "GIN_MODE") {
      if (value != "debug" && value != "release") {
        return fail(ErrorKind::kConfig, "environment GIN_MODE: {} is not one of debug, release",
                    log::quoted(value));
      }
      if (value == "release") value = "info";
    }
    const std::string place = fmt::format("environment {}", name);
    if (auto done = assign(config_, setting, value, place); !done) return done;
  }
  return {};
}

Result<void> Loader::set(std::string_view assignment, std::string_view place) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return fail(ErrorKind::kConfig, "{}: no '=' in {}; write name=value", place,
                log::quoted(assignment));
  }
  return assign(config_, trim(assignment.substr(0, equals)), trim(assignment.substr(equals + 1)),
                place);
}

Result<Config> Loader::finish() const {
  Config config = config_;
  if (config.domain.empty()) {
    return fail(ErrorKind::kConfig,
                "domain is not set: write domain = example.com into the configuration file, or set "
                "DOMAIN in the environment");
  }
  if (config.api_key.empty() && config.api_key_file.empty()) {
    return fail(ErrorKind::kConfig,
                "api_key is not set: write api_key = followed by the output of openssl rand -hex "
                "24 into the configuration file, or set API_KEY in the environment");
  }
  if (config.redis_tls_certificate.empty() != config.redis_tls_key.empty()) {
    return fail(ErrorKind::kConfig,
                "redis_tls_certificate and redis_tls_key belong together; only one of them is set");
  }
  if (config.tls_certificate.size() != config.tls_key.size()) {
    return fail(ErrorKind::kConfig,
                "tls_certificate and tls_key name {} and {} files; each certificate needs its key, "
                "in the same order",
                config.tls_certificate.size(), config.tls_key.size());
  }
  for (std::string& name : config.domain)
    name = mail::domain_to_ascii(name).value_or("");  // checked
  const std::uint64_t cpus = std::max(1U, std::thread::hardware_concurrency());
  if (config.smtpd_workers == 0) config.smtpd_workers = cpus;
  // Two at least: one of them reads no large mails (parser/client.h).
  if (config.mimed_workers == 0) config.mimed_workers = std::max<std::uint64_t>(cpus, 2);
  if (config.apid_workers == 0) config.apid_workers = std::max<std::uint64_t>(1, cpus / 2);
  if (config.hostname.empty()) config.hostname = machine_name(config);
  if (!is_ascii(config.hostname))
    config.hostname = mail::domain_to_ascii(config.hostname).value_or("");
  return config;
}

std::string format_config(const Config& config, Program reader) {
  std::string text;
  for (const Setting& setting : settings()) {
    if (reader != Program::kMaster && (setting.readers & bit_of(reader)) == 0) continue;
    fmt::format_to(std::back_inserter(text), "{} = {}\n", setting.name,
                   value_text(setting, config));
  }
  return text;
}

std::string describe_config(const Config& config) {
  std::string text;
  for (const Setting& setting : settings()) {
    std::string value = value_text(setting, config);
    // A key, or the password in an address.
    const bool hide =
        setting.secret && (setting.type == Setting::Type::kWords || value.contains('@'));
    const bool hidden = hide && !value.empty();
    fmt::format_to(std::back_inserter(text), "{}{} = {}\n", hidden ? "# " : "", setting.name,
                   hidden ? "(set, not shown)" : value);
  }
  return text;
}

std::vector<SettingInfo> all_settings() {
  constexpr std::array<std::string_view, 6> kTypeNames = {"text", "words",    "number",
                                                          "size", "duration", "choice"};
  std::vector<SettingInfo> infos;
  for (const Setting& setting : settings()) {
    infos.push_back({setting.name, setting.default_value, setting.help,
                     kTypeNames[static_cast<std::size_t>(setting.type)]});
  }
  return infos;
}

}  // namespace restante::config
