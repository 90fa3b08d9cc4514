// SPDX-License-Identifier: ISC
// The file that the log is written to. The master opens it, and opens it again after a rotation.
#pragma once

#include <memory>
#include <string>

#include "master/privileges.h"
#include "shared/base/error.h"
#include "shared/base/unique_fd.h"
#include "shared/config/config.h"
#include "shared/log/shared_file.h"

namespace restante::master {

class LogFile {
 public:
  // Opens `path` for appending, and makes it with mode 0640 and owner `identity` if it is missing.
  // In a directory that `identity` may write to, root acts as that user: a symbolic link that the
  // user made must not lead root to another file. The error (kConfig or kSystem) names path and
  // reason.
  [[nodiscard]] static Result<std::shared_ptr<LogFile>> open(const std::string& path,
                                                             const Identity& identity);

  // If another file is at the path now, all processes write to that file from their next line on.
  // If it cannot be opened, they keep the old one. Logs log_reopened or log_not_reopened.
  void reopen();

  [[nodiscard]] const std::string& path() const { return path_; }
  // The descriptor of the log::SharedFile, for reading. Workers inherit it.
  [[nodiscard]] int shared_file() const { return shared_file_.for_reading(); }

 private:
  LogFile(std::string path, Identity identity, log::SharedFile shared)
      : path_(std::move(path)), identity_(std::move(identity)), shared_file_(std::move(shared)) {}

  std::string path_;
  Identity identity_;
  log::SharedFile shared_file_;
  UniqueFd file_;
};

// Opens the file that log_to names. Returns null if log_to does not name a file.
[[nodiscard]] Result<std::shared_ptr<LogFile>> open_log(const config::Config& config,
                                                        const Identity& identity);
// The same for a process that runs as `config.user` already.
[[nodiscard]] Result<std::shared_ptr<LogFile>> open_log(const config::Config& config);

// Directs the master's own lines to where log_to says. `file` is what open_log() returned.
void use_log(const config::Config& config, const LogFile* file);

// Returns an error if open_log() would fail, or if log_to is syslog and no daemon listens at
// /dev/log. Changes nothing.
[[nodiscard]] Result<void> check_log(const config::Config& config);

}  // namespace restante::master
