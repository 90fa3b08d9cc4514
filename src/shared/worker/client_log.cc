// SPDX-License-Identifier: ISC
#include "shared/worker/client_log.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "shared/base/clock.h"

namespace restante::worker {
namespace {

constexpr std::uint64_t kUnit = 256;  // bytes: a count of the table has 20 bits

std::uint32_t units(std::uint64_t bytes) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>((bytes + kUnit - 1) / kUnit, memory::RateTable::kMaxLimit));
}

}  // namespace

ClientLog::ClientLog(memory::RateTable minutes, const config::Config& config)
    : minutes_(minutes),
      trusted_(net::parse_ranges(config.client_trusted)),
      limit_(units(config.client_log_limit)) {}

void ClientLog::info(const net::ClientAddress& client, std::string_view event, log::Fields fields) {
  if (limit_ == 0 || net::is_in(trusted_, client.text)) return log::info(event, fields);
  const std::string subject = "log " + client.rate_key;
  const auto now = monotonic_now();
  if (minutes_.used_up(subject, limit_, now)) return;
  const std::size_t bytes = log::write(log::Level::kInfo, event, fields);
  if (bytes == 0) return;
  const memory::RateVerdict verdict = minutes_.admit(subject, limit_, now, units(bytes));
  if (verdict.remaining > 0 || !verdict.admitted) return;
  using std::chrono::seconds;
  log::info("log_limited", {{"ip", client.text},
                            {"limit", limit_ * kUnit},
                            {"seconds", std::chrono::ceil<seconds>(verdict.reset_in).count()}});
}

}  // namespace restante::worker
