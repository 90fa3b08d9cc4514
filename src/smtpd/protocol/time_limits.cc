// SPDX-License-Identifier: ISC
#include "smtpd/protocol/time_limits.h"

#include <algorithm>
#include <array>

namespace restante::smtpd {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

struct LimitRow {
  Wait kind;
  milliseconds when_empty, when_full;
  std::string_view reason;  // in the log
};
// smtp_timeout bounds all of them; an hour is its largest value, so where it stands here the
// setting alone decides. Section 4.5.3.2.7 asks for five minutes, the setting's default.
constexpr std::array kLimits = {
    LimitRow{Wait::kNothing, 0s, 0s, ""},
    LimitRow{Wait::kProxyHeader, 5s, 3s, "PROXY header too slow"},
    LimitRow{Wait::kHandshake, 10s, 5s, "TLS handshake too slow"},
    LimitRow{Wait::kCommand, 1h, 10s, "command timeout"},
    LimitRow{Wait::kData, 1h, 20s, "data timeout"},
    LimitRow{Wait::kReplies, 1h, 10s, "replies not read"},
};
constexpr std::string_view kTooSlow = "message below smtp_minimum_rate";
constexpr milliseconds kWindow = 30s;
constexpr std::uint64_t kFullRate = 5;

consteval bool table_is_sound() {
  for (std::size_t i = 0; i < kLimits.size(); ++i) {
    if (static_cast<std::size_t>(kLimits[i].kind) != i) return false;
    if (kLimits[i].when_full > kLimits[i].when_empty) return false;
  }
  return static_cast<std::size_t>(Wait::kReplies) + 1 == kLimits.size();
}
static_assert(table_is_sound());

const LimitRow& row_of(Wait kind) { return kLimits[static_cast<std::size_t>(kind)]; }

// 0 up to half a table, 1000 from nine tenths on, and even between.
std::uint64_t fullness(Occupancy occupancy) {
  if (occupancy.capacity == 0) return 1000;
  const std::uint64_t full = occupancy.used * std::uint64_t{1000} / occupancy.capacity;
  return (std::clamp<std::uint64_t>(full, 500, 900) - 500) * 1000 / 400;
}

}  // namespace

milliseconds time_limit(Wait kind, Occupancy occupancy, milliseconds timeout) {
  const milliseconds when_empty = std::min(row_of(kind).when_empty, timeout);
  const milliseconds when_full = std::min(row_of(kind).when_full, timeout);
  return when_empty -
         (when_empty - when_full) * static_cast<std::int64_t>(fullness(occupancy)) / 1000;
}

std::uint64_t least_rate(Occupancy occupancy, std::uint64_t minimum_rate) {
  return minimum_rate + minimum_rate * (kFullRate - 1) * fullness(occupancy) / 1000;
}

void WaitLimit::wait_for(Wait kind, milliseconds now) {
  if (kind == kind_) return;
  kind_ = kind;
  since_ = window_ = now;
  bytes_ = 0;
}

void WaitLimit::received(std::size_t bytes, milliseconds now) {
  since_ = now;
  bytes_ += bytes;
}

milliseconds WaitLimit::silence(milliseconds now) const {
  return kind_ == Wait::kNothing || kind_ == Wait::kData ? 0ms : now - since_;
}

std::string_view WaitLimit::overdue(milliseconds now, Occupancy occupancy,
                                    const TimeSettings& settings) {
  if (kind_ == Wait::kNothing) return {};
  const milliseconds limit = time_limit(kind_, occupancy, settings.timeout);
  if (now - since_ >= limit) return row_of(kind_).reason;
  if (kind_ != Wait::kData) return {};
  // A short timeout makes short windows too: else it would be out before the first one ends.
  const milliseconds passed = now - window_;
  if (passed < std::min(kWindow, limit)) return {};
  const std::uint64_t rate = least_rate(occupancy, settings.minimum_rate);
  if (bytes_ * 1000 < rate * static_cast<std::uint64_t>(passed.count())) return kTooSlow;
  window_ = now;
  bytes_ = 0;
  return {};
}

}  // namespace restante::smtpd
