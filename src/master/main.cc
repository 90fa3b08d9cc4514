// SPDX-License-Identifier: ISC
// restante, the master: configuration, ports, keys, shared memory; then no root; then the workers.
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <utility>

#include "master/demo.h"
#include "master/listeners.h"
#include "master/options.h"
#include "master/privileges.h"
#include "master/service.h"
#include "master/supervisor.h"
#include "shared/config.h"
#include "shared/log.h"
#include "shared/worker_context.h"

namespace restante::master {
namespace {

// A ticket is good for three times this (RFC 8446 section 4.6.1 allows seven days).
constexpr std::chrono::hours kTicketKeyLife{8};

constexpr const char* kDefaultFile = RESTANTE_SYSCONFDIR "/restante.conf";

// The workers' programs: beside this one (a build), else where they are installed.
std::filesystem::path find_programs() {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  if (!error && std::filesystem::exists(here / "restante-smtpd", error)) return here;
  return RESTANTE_LIBEXECDIR;
}

Result<void> read_config_file(ConfigReader& reader, const Options& options) {
  if (options.demo && !options.file) return {};
  const std::string path = options.file.value_or(kDefaultFile);
  const CPtr<std::FILE, std::fclose> file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) {
    // Without -c the environment may say all that is needed.
    if (errno == ENOENT && !options.file) return {};
    return fail(ErrorKind::kConfig, "cannot read {}: {}", path, errno_text());
  }
  const auto text = read_all(fileno(file.get()));
  if (!text) return fail(ErrorKind::kConfig, "cannot read {}: {}", path, text.error().what);
  return reader.read_file(*text, path);
}

Result<ConfigReader> read_sources(const Options& options, const std::optional<Demo>& demo) {
  ConfigReader reader;
  if (demo) {
    for (const std::string& setting : demo->settings()) {
      if (auto set = reader.set(setting, "demo"); !set) return std::unexpected(set.error());
    }
  }
  if (auto read = read_config_file(reader, options); !read) return std::unexpected(read.error());
  std::vector<const char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  if (auto read = reader.read_environment(variables); !read) return std::unexpected(read.error());
  for (const std::string& setting : options.settings) {
    if (auto set = reader.set(setting, "-o"); !set) return std::unexpected(set.error());
  }
  return reader;
}

// Every setting as it would be, also while something required is missing: then that is said last.
Result<int> print_config(const ConfigReader& reader) {
  const auto config = reader.finish();
  fmt::print("{}", describe_config(config ? *config : reader.config()));
  std::fflush(stdout);
  if (!config) return std::unexpected(config.error());
  return EXIT_SUCCESS;
}

void warn_of_weak_keys(const Config& config) {
  for (const std::string& key : config.api_key) {
    if (key.size() < 16) {
      log::warning("weak_api_key", {{"characters", key.size()},
                                    {"advice", "use the output of openssl rand -hex 24"}});
    }
  }
}

Result<int> serve(const Config& config, const std::optional<Demo>& demo) {
  const std::filesystem::path programs = find_programs();
  log::notice("starting", {{"version", RESTANTE_VERSION}});
  const auto identity = find_identity(config.user);
  if (!identity) return std::unexpected(identity.error());
  auto service = Service::make_as_root(config, *identity);
  if (!service) return std::unexpected(service.error());
  if (auto dropped = drop_privileges(*identity); !dropped) return std::unexpected(dropped.error());
  if (access((programs / "restante-smtpd").c_str(), X_OK) != 0) {
    const int error_number = errno;
    return fail(ErrorKind::kSystem, "cannot start the programs in {} as this user: {}",
                programs.string(), errno_text(error_number));
  }
  if (auto made = service->make_as_user(config); !made) return std::unexpected(made.error());
  Supervisor supervisor(service->roles(config, programs), config.drain_timeout);
  supervisor.repeat(kTicketKeyLife, [&] { service->rotate_ticket_keys(); });
  const int status = supervisor.run([&] {
    if (!demo) return;
    Demo::print_welcome(config, service->port_of(fd_name::kSmtp), service->port_of(fd_name::kHttp),
                        service->port_of(fd_name::kHttps));
  });
  remove_unix_sockets(config);
  log::notice("stopped", {{"status", status}});
  return status;
}

Result<int> run(const Options& options) {
  std::optional<Demo> demo;
  if (options.demo) {
    auto made = Demo::make(find_programs());
    if (!made) return std::unexpected(made.error());
    demo.emplace(std::move(*made));
  }
  const auto reader = read_sources(options, demo);
  if (!reader) return std::unexpected(reader.error());
  if (options.mode == Mode::kPrint) return print_config(*reader);
  auto config = reader->finish();
  if (!config) return std::unexpected(config.error());
  if (auto read = read_key_file(*config); !read) return std::unexpected(read.error());
  log::set_level(config->log_level);
  warn_of_weak_keys(*config);
  const auto usable = tls_is_usable(*config, find_programs());
  if (!usable) return std::unexpected(usable.error());
  if (!*usable) return EX_CONFIG;
  if (options.mode == Mode::kCheck) {
    fmt::print("the configuration is good\n");
    return EXIT_SUCCESS;
  }
  return serve(*config, demo);
}

int main_program(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (!options) {
    fmt::print(stderr, "restante: {}\n", options.error().what);
    return EX_USAGE;
  }
  if (options->mode == Mode::kVersion || options->mode == Mode::kHelp) {
    fmt::print("{}", options->mode == Mode::kHelp ? usage() : "restante " RESTANTE_VERSION "\n");
    return EXIT_SUCCESS;
  }
  umask(0077);
  log::open("restante", log::Level::kInfo);
  const auto status = run(*options);
  if (status) return *status;
  fmt::print(stderr, "restante: {}\n", status.error().what);
  return status.error().kind == ErrorKind::kConfig ? EX_CONFIG : EXIT_FAILURE;
}

}  // namespace
}  // namespace restante::master

int main(int argc, char** argv) {
  try {
    return restante::master::main_program(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "restante: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
