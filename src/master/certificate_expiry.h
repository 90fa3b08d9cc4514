// SPDX-License-Identifier: ISC
// Decides when the log warns that a certificate expires.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace restante::master {

// The certificate that expires first.
struct CertificateExpiry {
  std::string file;
  std::int64_t time = 0;  // Unix time in s; 0: not known
};

struct ExpiryWarning {
  bool expired;
  std::int64_t days;  // whole days that are left, or that have passed since
};

// Returns a warning from 14 days before the expiry on. Both times are Unix time in s.
[[nodiscard]] std::optional<ExpiryWarning> expiry_warning(std::int64_t expiry, std::int64_t now);

// Logs the warning, if there is one.
void log_expiry(const CertificateExpiry& expiry, std::int64_t now);

}  // namespace restante::master
