// SPDX-License-Identifier: ISC
// Reads the files that hold secrets: API keys, certificates and their keys.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "master/certificate_expiry.h"
#include "shared/base/error.h"
#include "shared/base/unique_fd.h"
#include "shared/config/config.h"

namespace restante::master {

// Adds the API keys of api_key_file to `config.api_key`. Returns kConfig if the file cannot be
// read, or if there is no key in either.
[[nodiscard]] Result<void> read_key_file(config::Config& config);

// A certificate and its key, in sealed memfds.
struct TlsFds {
  UniqueFd certificate, key;
};

// Reads the pairs that tls_certificate and tls_key name, in their order. There is at least one.
[[nodiscard]] Result<std::vector<TlsFds>> load_tls_pairs(const config::Config& config);

// Starts a restante-smtpd of `programs` that tries the pairs, and waits for up to 10 s. Returns
// which certificate expires first, or what that process found wrong.
[[nodiscard]] Result<CertificateExpiry> check_tls(const config::Config& config,
                                                  const std::vector<TlsFds>& pairs,
                                                  const std::filesystem::path& programs);

// Logs a warning if every user of the machine may read the file.
void warn_if_readable_by_all(const std::filesystem::path& file);

// Returns advice for EACCES, beginning with "; ", and an empty string for any other error.
[[nodiscard]] std::string advice_to_let_read(const std::string& path, int error_number);

}  // namespace restante::master
