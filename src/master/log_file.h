// SPDX-License-Identifier: ISC
// The file that the log goes to: opened here alone, and again after it was rotated away.
#pragma once

#include <memory>
#include <string>

#include "master/privileges.h"
#include "shared/base/c_ptr.h"
#include "shared/base/error.h"
#include "shared/config/config.h"
#include "shared/log/shared_file.h"

namespace restante::master {

class LogFile {
 public:
  // For appending, as a file of `identity` with mode 0640. While this is root: in a directory that
  // `identity` may write to, as that user, so that a link that it has put there leads it nowhere.
  [[nodiscard]] static Result<std::shared_ptr<LogFile>> open(const std::string& path,
                                                             const Identity& identity);

  // When another file than before is at the path, all who have the box write to that one from their
  // next line on. When it cannot be opened, all stays as it is. The log says both.
  void reopen();

  [[nodiscard]] const std::string& path() const { return path_; }
  // A LogBox, for reading.
  [[nodiscard]] int box() const { return box_.for_reading(); }

 private:
  LogFile(std::string path, Identity identity, LogBox box)
      : path_(std::move(path)), identity_(std::move(identity)), box_(std::move(box)) {}

  std::string path_;
  Identity identity_;
  LogBox box_;
  UniqueFd file_;
};

// What `log_to` names; nothing when it is no file.
[[nodiscard]] Result<std::shared_ptr<LogFile>> open_log(const Config& config,
                                                        const Identity& identity);
// The same for those who are `config.user` already.
[[nodiscard]] Result<std::shared_ptr<LogFile>> open_log(const Config& config);

// The master's own lines go there too.
void use_log(const Config& config, const LogFile* file);

// Whether open_log() would succeed, or somebody listens for syslog. Changes nothing.
[[nodiscard]] Result<void> check_log(const Config& config);

}  // namespace restante::master
