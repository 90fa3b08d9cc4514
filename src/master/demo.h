// SPDX-License-Identifier: ISC
// `restante --demo`: makes everything that a trial needs, and removes it at the end.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

// Owns a temporary directory with a self-signed certificate for localhost, the runtime directory
// and the data of a private Redis. The destructor removes it.
class Demo {
 public:
  // `programs` is the directory of the workers' programs. A demo that root starts runs as nobody,
  // or as root if other users cannot read `programs`. Runs openssl(1).
  [[nodiscard]] static Result<Demo> make(const std::filesystem::path& programs);
  Demo(Demo&& other) noexcept
      : directory_(std::move(other.directory_)), user_(std::move(other.user_)) {
    other.directory_.clear();
  }
  Demo& operator=(Demo&&) = delete;
  ~Demo();

  // Returns settings in the form of -o, with a random API key. The command line overrides them.
  [[nodiscard]] std::vector<std::string> settings() const;

  // Prints commands for a first mail, which work when pasted into a shell.
  static void print_welcome(const config::Config& config, std::uint16_t smtp_port,
                            std::uint16_t http_port, std::uint16_t https_port);

 private:
  Demo() = default;
  std::string directory_;
  std::string user_;
};

}  // namespace restante::master
