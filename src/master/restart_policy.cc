// SPDX-License-Identifier: ISC
#include "master/restart_policy.h"

#include <algorithm>

namespace restante::master {

void RestartPolicy::started(Time now) {
  starts_.push_back(now);
  if (starts_.size() > kStartsPerSecond) starts_.pop_front();
}

RestartPolicy::Time RestartPolicy::ended(bool was_ready, Time now) {
  constexpr std::chrono::seconds kSecond{1}, kLongest{60};
  if (!was_ready) {
    const Time wait = std::min<Time>(kSecond * (1U << std::min(failures_, 6U)), kLongest);
    ++failures_;
    return now + wait;
  }
  failures_ = 0;
  if (starts_.size() < kStartsPerSecond) return now;
  return std::max(now, starts_.front() + kSecond);
}

}  // namespace restante::master
