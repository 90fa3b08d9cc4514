// SPDX-License-Identifier: ISC
// The new configuration of a reload: read, checked, and made into a new generation of workers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "master/log_file.h"
#include "master/service.h"
#include "master/sources.h"
#include "master/supervisor.h"
#include "shared/config.h"
#include "shared/error.h"

namespace restante::master {

// Puts back what only a restart can change (ports, user, places, whose Redis it is) to what it is
// in `current`, and names the settings that it has put back.
[[nodiscard]] std::vector<std::string> keep_what_needs_restart(const Config& current,
                                                               Config& fresh);

class Reloader {
 public:
  // `log` is what the log goes to, or nothing. `service` has to outlive what is prepared.
  Reloader(Sources sources, Config current, std::shared_ptr<LogFile> log, const Service& service,
           std::filesystem::path programs);

  // From the sources, as they are now, to what is ready to be started. Changes nothing.
  [[nodiscard]] Result<Staff> prepare(std::uint64_t generation);
  // What was prepared last serves now.
  void adopt();
  // The log's file may be another one now.
  void reopen_log();

 private:
  [[nodiscard]] Result<std::shared_ptr<LogFile>> prepare_log(const Config& config);

  Sources sources_;
  Config current_, prepared_;
  std::shared_ptr<LogFile> log_, prepared_log_;
  const Service& service_;
  std::filesystem::path programs_;
};

}  // namespace restante::master
