// SPDX-License-Identifier: ISC
#include "master/worker_set.h"

#include <unistd.h>

#include <string>
#include <system_error>
#include <utility>

#include "master/listeners.h"
#include "master/privileges.h"
#include "shared/base/file.h"
#include "shared/base/program.h"
#include "shared/base/secrets.h"
#include "shared/base/unique_fd.h"
#include "shared/worker/context.h"

namespace restante::master {
namespace {

// For all workers of a generation to be ready, in addition to redis_timeout.
constexpr std::chrono::seconds kReadyLimit{15};

struct OwnedResources {
  std::string directory;
  OpenFiles files;
  std::vector<UniqueFd> mime_listeners;
  UniqueFd smtpd_config, apid_config, mimed_config;

  OwnedResources() = default;
  OwnedResources(const OwnedResources&) = delete;
  OwnedResources& operator=(const OwnedResources&) = delete;
  ~OwnedResources() {
    std::error_code ignored;
    if (!directory.empty()) std::filesystem::remove_all(directory, ignored);
  }
};

Result<void> make_directory(OwnedResources& resources, const std::string& path,
                            std::uint64_t sockets) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);  // of an earlier run that was killed
  auto made = make_private_directory(path, {"", geteuid(), getegid()});
  if (!made) return fail(made.error().kind, "runtime_dir: {}", made.error().what);
  resources.directory = path;
  for (std::uint64_t i = 0; i < sockets; ++i) {
    auto listener = listen_unix(worker::parser_socket(path, i));
    if (!listener) return std::unexpected(listener.error());
    resources.mime_listeners.push_back(std::move(*listener));
  }
  return {};
}

// Each role gets the settings of its audience alone, with the directory of its generation as
// runtime_dir.
Result<void> make_views(OwnedResources& resources, const config::Config& config) {
  config::Config shown = config;
  if (config.redis == "private") shown.redis = "unix:" + config.runtime_dir + "/redis.sock";
  shown.runtime_dir = resources.directory;
  const std::pair<UniqueFd*, Program> views[] = {{&resources.smtpd_config, Program::kSmtpd},
                                                 {&resources.apid_config, Program::kApid},
                                                 {&resources.mimed_config, Program::kMimed}};
  for (const auto& [fd, audience] : views) {
    std::string text = config::format_config(shown, audience);
    const WipedAtEnd has_keys(text);
    auto made = make_sealed_memfd(worker::fd_name::kConfig, text);
    if (!made) return std::unexpected(made.error());
    *fd = std::move(*made);
  }
  return {};
}

std::vector<Inherited> with(std::vector<Inherited> common, const UniqueFd& config,
                            const LogFile* log) {
  common.push_back({worker::fd_name::kConfig, config.get()});
  if (log != nullptr) common.push_back({worker::fd_name::kLog, log->shared_file()});
  return common;
}

void hand_over(const TlsFds& pair, std::vector<Inherited>& inherits) {
  inherits.push_back({worker::fd_name::kTlsCertificate, pair.certificate.get()});
  inherits.push_back({worker::fd_name::kTlsKey, pair.key.get()});
}

std::vector<Role> worker_roles(const OwnedResources& resources, const config::Config& config,
                               const Service& service, const std::filesystem::path& programs) {
  std::vector<Inherited> mime_of_each;
  mime_of_each.reserve(resources.mime_listeners.size());
  for (const UniqueFd& listener : resources.mime_listeners) {
    mime_of_each.push_back({worker::fd_name::kMime, listener.get()});
  }
  const LogFile* log = resources.files.log.get();
  std::vector<Inherited> smtpd = with(service.for_smtpd(), resources.smtpd_config, log);
  for (const TlsFds& pair : resources.files.tls_pairs) hand_over(pair, smtpd);
  std::vector<Inherited> apid = with(service.for_apid(), resources.apid_config, log);
  hand_over(resources.files.tls_pairs.front(), apid);
  return {
      {.program = Program::kMimed,
       .command = {programs / "restante-mimed"},
       .count = config.mimed_workers,
       .inherits = with({}, resources.mimed_config, log),
       .one_for_each = mime_of_each},
      {.program = Program::kSmtpd,
       .command = {programs / "restante-smtpd"},
       .count = config.smtpd_workers,
       .inherits = smtpd,
       .one_for_each = {}},
      {.program = Program::kApid,
       .command = {programs / "restante-apid"},
       .count = config.apid_workers,
       .inherits = apid,
       .one_for_each = {}},
  };
}

}  // namespace

Result<WorkerSet> make_worker_set(const config::Config& config, std::uint64_t generation,
                                  OpenFiles files, const Service& service,
                                  const std::filesystem::path& programs) {
  auto resources = std::make_shared<OwnedResources>();
  resources->files = std::move(files);
  const std::string directory = fmt::format("{}/{}", config.runtime_dir, generation);
  if (auto made = make_directory(*resources, directory, config.mimed_workers); !made) {
    return std::unexpected(made.error());
  }
  if (auto made = make_views(*resources, config); !made) return std::unexpected(made.error());
  std::vector<Role> roles = worker_roles(*resources, config, service, programs);
  return WorkerSet{.roles = std::move(roles),
                   .drain_timeout = config.drain_timeout,
                   .ready_limit = kReadyLimit + config.redis_timeout,
                   .resources = std::move(resources)};
}

}  // namespace restante::master
