// SPDX-License-Identifier: ISC
// The files that are only for some eyes: API keys, certificates and their keys.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "master/certificate_expiry.h"
#include "shared/base/c_ptr.h"
#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

// The API keys of api_key_file go into `config.api_key`.
[[nodiscard]] Result<void> read_key_file(Config& config);

// Sealed memfds of a certificate and its key.
struct TlsFds {
  UniqueFd certificate, key;
};

// What the settings name, in their order, at least one pair.
[[nodiscard]] Result<std::vector<TlsFds>> load_tls_pairs(const Config& config);

// Whether a worker can serve with them, and when that will end; the error is what the worker that
// tried has found. It has a few seconds for that.
[[nodiscard]] Result<CertificateExpiry> check_tls(const Config& config,
                                                  const std::vector<TlsFds>& pairs,
                                                  const std::filesystem::path& programs);

// What to do, from "; " on, when this user may not read a file; empty for any other error.
[[nodiscard]] std::string advice_to_let_read(const std::string& path, int error_number);

}  // namespace restante::master
