// SPDX-License-Identifier: ISC
// When somebody has to hear that a certificate expires.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace restante::master {

// Of the certificate that expires first.
struct CertificateExpiry {
  std::string file;
  std::int64_t time = 0;  // Unix time in s; 0: not known
};

struct ExpiryWarning {
  bool expired;
  std::int64_t days;  // whole ones, that are left or have passed
};

// From 14 days before on. Both times are Unix time in s.
[[nodiscard]] std::optional<ExpiryWarning> expiry_warning(std::int64_t expiry, std::int64_t now);

// The line of the log, if there is something to say.
void log_expiry(const CertificateExpiry& expiry, std::int64_t now);

}  // namespace restante::master
