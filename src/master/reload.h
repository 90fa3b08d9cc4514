// SPDX-License-Identifier: ISC
// The new configuration of a reload: read, checked, and made into a new generation of workers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "master/certificate_expiry.h"
#include "master/log_file.h"
#include "master/service.h"
#include "master/sources.h"
#include "master/supervisor.h"
#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

// Puts back what only a restart can change (ports, user, places, whose Redis it is) to what it is
// in `current`, and names the settings that it has put back.
[[nodiscard]] std::vector<std::string> keep_what_needs_restart(const Config& current,
                                                               Config& fresh);

// What a generation was made from and the master goes on to use.
struct ActiveConfiguration {
  Config config;
  std::shared_ptr<LogFile> log;  // none: the log is no file
  CertificateExpiry expiry;
};

class Reloader {
 public:
  // `service` has to outlive what is prepared.
  Reloader(Sources sources, ActiveConfiguration current, const Service& service,
           std::filesystem::path programs);

  // From the sources, as they are now, to what is ready to be started. Changes nothing.
  [[nodiscard]] Result<WorkerSet> prepare(std::uint64_t generation);
  // What was prepared last serves now.
  void adopt();
  // The log's file may be another one now.
  void reopen_log();
  // The log and the scoreboard have when the certificate expires, and what the sandbox is worth.
  void report_state() const;
  void report_expiry() const;

 private:
  [[nodiscard]] Result<std::shared_ptr<LogFile>> prepare_log(const Config& config);

  Sources sources_;
  ActiveConfiguration current_, prepared_;
  const Service& service_;
  std::filesystem::path programs_;
};

}  // namespace restante::master
