// SPDX-License-Identifier: ISC
#include "master/certificate_expiry.h"

#include <ctime>

#include "shared/log/log.h"

namespace restante::master {
namespace {

constexpr std::int64_t kDay = 24 * 3600;
constexpr std::int64_t kWarnedBefore = 14 * kDay;

std::string date_text(std::int64_t time) {
  const std::time_t seconds = time;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

}  // namespace

std::optional<ExpiryWarning> expiry_warning(std::int64_t expiry, std::int64_t now) {
  if (expiry == 0 || expiry - now > kWarnedBefore) return {};
  if (expiry <= now) return ExpiryWarning{.expired = true, .days = (now - expiry) / kDay};
  return ExpiryWarning{.expired = false, .days = (expiry - now) / kDay};
}

void log_expiry(const CertificateExpiry& expiry, std::int64_t now) {
  const auto warning = expiry_warning(expiry.time, now);
  if (!warning) return;
  const std::string date = date_text(expiry.time);
  if (warning->expired) {
    log::error("certificate_expired",
               {{"days", warning->days}, {"date", date}, {"file", expiry.file}});
  } else {
    log::warning("certificate_expires",
                 {{"days", warning->days}, {"date", date}, {"file", expiry.file}});
  }
}

}  // namespace restante::master
