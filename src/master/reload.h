// SPDX-License-Identifier: ISC
// Reads and checks the new configuration of a reload, and makes the new workers from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "master/certificate_expiry.h"
#include "master/log_file.h"
#include "master/process_table.h"
#include "master/service.h"
#include "master/sources.h"
#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

// Some settings only a restart can change: ports, user, directories, and whether Redis is private.
// Sets them in `fresh` to their values in `current`, and returns the names of those that differed.
[[nodiscard]] std::vector<std::string> keep_what_needs_restart(const config::Config& current,
                                                               config::Config& fresh);

// What the serving generation was made from, as far as the master still uses it.
struct ActiveConfiguration {
  config::Config config;
  std::shared_ptr<LogFile> log;  // null: the log is not a file
  CertificateExpiry expiry;
};

class Reloader {
 public:
  // `service` must outlive the reloader and all workers that it prepares.
  Reloader(Sources sources, ActiveConfiguration current, const Service& service,
           std::filesystem::path programs);

  // Reads `sources`, tries the certificates and makes the workers of `generation`. May take some
  // seconds. The generation that serves is not affected, whatever the result.
  [[nodiscard]] Result<WorkerSet> prepare(std::uint64_t generation);
  // The workers that were prepared last serve from now on: the log and the scoreboard follow them.
  void adopt();
  // Opens the file of the log again if it was rotated.
  void reopen_log();
  // Writes to the scoreboard when the first certificate expires, and which parts of the sandbox are
  // on. Logs the sandbox, and the expiry from 14 days before. report_expiry() reports that alone.
  void report_state() const;
  void report_expiry() const;

 private:
  [[nodiscard]] Result<std::shared_ptr<LogFile>> prepare_log(const config::Config& config);

  Sources sources_;
  ActiveConfiguration current_, prepared_;
  const Service& service_;
  std::filesystem::path programs_;
};

}  // namespace restante::master
