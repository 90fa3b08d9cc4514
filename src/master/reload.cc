// SPDX-License-Identifier: ISC
#include "master/reload.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <utility>

#include "master/key_files.h"
#include "master/worker_set.h"
#include "shared/config/setting_value.h"
#include "shared/log/log.h"
#include "shared/worker/landlock.h"
#include "shared/worker/sandbox_state.h"

namespace restante::master {
namespace {

constexpr std::array<std::string_view, 7> kFixed = {
    "smtp_listen",     "smtp_proxy_listen", "http_listen", "https_listen",
    "http_api_listen", "runtime_dir",       "user"};

constexpr std::array<std::string_view, 2> kOfPrivateRedis = {"redis_directory", "redis_memory"};

void log_sandbox(const worker::SandboxState& sandbox) {
  const std::string_view open = sandbox.open();
  if (!sandbox.on) {
    log::warning("sandbox_off", {{"advice", "sandbox = yes, and a build without sanitizers"}});
  } else if (sandbox.landlock < worker::kLandlockFiles) {
    log::warning("sandbox_weak", {{"landlock", sandbox.landlock}, {"open", open}});
  } else {
    log::notice("sandbox", {{"landlock", sandbox.landlock}, {"open", open}});
  }
}

bool is_private(const config::Config& config) { return config.redis == "private"; }

}  // namespace

std::vector<std::string> keep_what_needs_restart(const config::Config& current,
                                                 config::Config& fresh) {
  std::vector<std::string_view> names(kFixed.begin(), kFixed.end());
  if (is_private(current) != is_private(fresh)) names.push_back("redis");
  if (is_private(current)) {
    for (const std::string_view name : kOfPrivateRedis) names.push_back(name);
  }
  std::vector<std::string> kept;
  for (const std::string_view name : names) {
    const config::Setting& setting = *config::find_setting(name);
    const std::string value = config::value_text(setting, current);
    if (config::value_text(setting, fresh) == value) continue;
    (void)config::assign_value(setting, value, fresh);  // it was good before
    kept.emplace_back(name);
  }
  std::ranges::sort(kept);
  return kept;
}

Reloader::Reloader(Sources sources, ActiveConfiguration current, const Service& service,
                   std::filesystem::path programs)
    : sources_(std::move(sources)),
      current_(std::move(current)),
      service_(service),
      programs_(std::move(programs)) {}

// If the path stays the same, both generations share the file. It is opened again, but a failure
// does not fail the reload: a certificate must not expire because of a log.
Result<std::shared_ptr<LogFile>> Reloader::prepare_log(const config::Config& config) {
  if (!current_.log || config.log_to != current_.log->path()) return open_log(config);
  current_.log->reopen();
  return current_.log;
}

Result<WorkerSet> Reloader::prepare(std::uint64_t generation) {
  const auto reader = read_sources(sources_);
  if (!reader) return std::unexpected(reader.error());
  auto config = finish_config(*reader);
  if (!config) return std::unexpected(config.error());
  const std::vector<std::string> kept = keep_what_needs_restart(current_.config, *config);
  auto pairs = load_tls_pairs(*config);
  if (!pairs) return std::unexpected(pairs.error());
  auto expiry = check_tls(*config, *pairs, programs_);
  if (!expiry) return std::unexpected(expiry.error());
  auto log_file = prepare_log(*config);
  if (!log_file) return std::unexpected(log_file.error());
  auto workers =
      make_worker_set(*config, generation, {std::move(*pairs), *log_file}, service_, programs_);
  if (!workers) return workers;
  if (!kept.empty()) {
    log::warning("reload_partly", {{"generation", generation},
                                   {"needs_restart", fmt::format("{}", fmt::join(kept, " "))}});
  }
  prepared_ = {std::move(*config), std::move(*log_file), std::move(*expiry)};
  return workers;
}

void Reloader::adopt() {
  current_ = prepared_;
  use_log(current_.config, current_.log.get());
  reopen_log();  // it may have been rotated since it was prepared
  report_state();
}

void Reloader::reopen_log() {
  if (current_.log) current_.log->reopen();
}

void Reloader::report_state() const {
  report_expiry();
  const worker::SandboxState sandbox = worker::sandbox_state(current_.config);
  service_.scoreboard().head().sandbox.store(sandbox.packed());
  log_sandbox(sandbox);
}

void Reloader::report_expiry() const {
  const CertificateExpiry& expiry = current_.expiry;
  service_.scoreboard().head().certificate_expiry.store(static_cast<std::uint64_t>(expiry.time));
  log_expiry(expiry, std::time(nullptr));
}

}  // namespace restante::master
