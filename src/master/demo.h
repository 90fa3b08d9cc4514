// SPDX-License-Identifier: ISC
// `restante --demo`: everything that a trial needs, made on the spot and removed at the end.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

// Owns a temporary directory with a self-signed certificate for localhost, the runtime directory
// and a private Redis' data; it goes when the object goes.
class Demo {
 public:
  // `programs` is the directory of the workers' programs.
  [[nodiscard]] static Result<Demo> make(const std::filesystem::path& programs);
  Demo(Demo&& other) noexcept
      : directory_(std::move(other.directory_)), user_(std::move(other.user_)) {
    other.directory_.clear();
  }
  Demo& operator=(Demo&&) = delete;
  ~Demo();

  // Settings in the form of -o; what the command line says goes on top.
  [[nodiscard]] std::vector<std::string> settings() const;

  // Prints lines that work when pasted into a shell.
  static void print_welcome(const Config& config, std::uint16_t smtp_port, std::uint16_t http_port,
                            std::uint16_t https_port);

 private:
  Demo() = default;
  std::string directory_;
  std::string user_;
};

}  // namespace restante::master
