// SPDX-License-Identifier: ISC
// restante, the master: configuration, ports, keys, shared memory; then no root; then the workers.
#include <signal.h>
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
#include "master/key_files.h"
#include "master/log_file.h"
#include "master/options.h"
#include "master/privileges.h"
#include "master/process_table.h"
#include "master/private_redis.h"
#include "master/reload.h"
#include "master/service.h"
#include "master/sources.h"
#include "master/supervisor.h"
#include "master/worker_set.h"
#include "shared/base/build_kind.h"
#include "shared/base/secrets.h"
#include "shared/config/config.h"
#include "shared/log/log.h"
#include "shared/worker/context.h"

namespace restante::master {
namespace {

// A ticket is good for three times this (RFC 8446 section 4.6.1 allows seven days).
constexpr std::chrono::hours kTicketKeyLife{8};

// The workers' programs: beside this one (a build), else where they are installed.
std::filesystem::path find_programs() {
  std::error_code error;
  auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  if (!error && std::filesystem::exists(here / "restante-smtpd", error)) return here;
  return RESTANTE_LIBEXECDIR;
}

// Every setting as it would be, also while something required is missing: then that is said last.
Result<int> print_config(const config::Loader& reader) {
  const auto config = reader.finish();
  fmt::print("{}", config::describe_config(config ? *config : reader.config()));
  std::fflush(stdout);
  if (!config) return std::unexpected(config.error());
  return EXIT_SUCCESS;
}

// From here on without root.
Result<int> supervise(const Sources& sources, const ActiveConfiguration& active, WorkerSet first,
                      Service& service, const std::filesystem::path& programs) {
  const config::Config& config = active.config;
  Supervisor supervisor(auxiliary_roles(config), std::move(first), service.scoreboard());
  Reloader reloader(sources, active, service, programs);
  supervisor.on_reload([&](std::uint64_t generation) { return reloader.prepare(generation); },
                       [&] { reloader.adopt(); });
  supervisor.on_reopen([&] { reloader.reopen_log(); });
  reloader.report_state();
  supervisor.repeat(std::chrono::days(1), [&] { reloader.report_expiry(); });
  supervisor.repeat(kTicketKeyLife, [&] { service.rotate_ticket_keys(); });
  const int status = supervisor.run([&] {
    if (!sources.options.demo) return;
    Demo::print_welcome(config, service.port_of(worker::fd_name::kSmtp),
                        service.port_of(worker::fd_name::kHttp),
                        service.port_of(worker::fd_name::kHttps));
  });
  service.remove_sockets(config);
  log::notice("stopped", {{"status", status}});
  return status;
}

Result<int> serve(const Sources& sources, const config::Config& config, std::vector<TlsFds> pairs,
                  CertificateExpiry expiry) {
  const std::filesystem::path programs = find_programs();
  const auto identity = find_identity(config.user);
  if (!identity) return std::unexpected(identity.error());
  auto log_file = open_log(config, *identity);
  if (!log_file) return std::unexpected(log_file.error());
  use_log(config, log_file->get());
  log::notice("starting", {{"version", RESTANTE_VERSION}});
  auto service = Service::make_as_root(config, *identity);
  if (!service) return std::unexpected(service.error());
  if (auto dropped = drop_privileges(*identity); !dropped) return std::unexpected(dropped.error());
  if (config.sandbox == config::Sandbox::kYes && !kHasSanitizer) set_undumpable();
  if (access((programs / "restante-smtpd").c_str(), X_OK) != 0) {
    const int error_number = errno;
    return fail(ErrorKind::kSystem, "cannot start the programs in {} as this user: {}",
                programs.string(), errno_text(error_number));
  }
  if (auto made = service->make_as_user(); !made) return std::unexpected(made.error());
  auto first = make_worker_set(config, ProcessTable::kFirstGeneration,
                               {std::move(pairs), *log_file}, *service, programs);
  if (!first) return std::unexpected(first.error());
  const ActiveConfiguration active{config, std::move(*log_file), std::move(expiry)};
  return supervise(sources, active, std::move(*first), *service, programs);
}

Result<int> run(const Options& options) {
  Sources sources{.options = options, .demo = {}};
  std::optional<Demo> demo;
  if (options.demo) {
    auto made = Demo::make(find_programs());
    if (!made) return std::unexpected(made.error());
    demo.emplace(std::move(*made));
    sources.demo = demo->settings();  // once: the key is made there
  }
  const auto reader = read_sources(sources);
  if (!reader) return std::unexpected(reader.error());
  if (options.mode == Mode::kPrint) return print_config(*reader);
  const auto config = finish_config(*reader);
  if (!config) return std::unexpected(config.error());
  log::set_level(config->log_level);
  if (options.mode == Mode::kCheck) {
    if (auto good = check_log(*config); !good) return std::unexpected(good.error());
  }
  if (auto there = check_private_redis(*config); !there) return std::unexpected(there.error());
  auto pairs = load_tls_pairs(*config);
  if (!pairs) return std::unexpected(pairs.error());
  auto expiry = check_tls(*config, *pairs, find_programs());
  if (!expiry) return std::unexpected(expiry.error());
  if (options.mode == Mode::kCheck) {
    fmt::print("the configuration is good\n");
    return EXIT_SUCCESS;
  }
  return serve(sources, *config, std::move(*pairs), std::move(*expiry));
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
  forbid_core_dumps();
  umask(0077);
  // Until run() waits for them, they are kept: a deploy hook may be quicker than the start.
  sigset_t kept;
  sigemptyset(&kept);
  for (const int number : {SIGHUP, SIGUSR1}) sigaddset(&kept, number);
  sigprocmask(SIG_BLOCK, &kept, nullptr);
  log::wait_for_no_reader();
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
