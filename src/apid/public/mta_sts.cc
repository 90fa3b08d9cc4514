// SPDX-License-Identifier: ISC
#include "apid/public/mta_sts.h"

#include <fmt/core.h>

namespace restante::apid {
namespace {

// Section 3.2 recommends weeks. One week suffices against an attacker who forges DNS, and bounds
// the outage of an operator who has lost the certificate.
constexpr unsigned kMaxAge = 7 * 24 * 60 * 60;  // seconds

}  // namespace

Response mta_sts_response(const config::Config& config) {
  if (config.mta_sts == config::MtaSts::kNone)
    return error_response(404, "there is no MTA-STS policy");
  // sts-policy-record of section 3.2. HTTP caches are not to keep it (section 3.3).
  return {.status = 200,
          .headers = {{"Content-Type", "text/plain"},
                      {"Cache-Control", "no-store"},
                      {"X-Content-Type-Options", "nosniff"}},
          .body = fmt::format("version: STSv1\r\nmode: {}\r\nmx: {}\r\nmax_age: {}\r\n",
                              config.mta_sts == config::MtaSts::kEnforce ? "enforce" : "testing",
                              config.hostname, kMaxAge)};
}

}  // namespace restante::apid
