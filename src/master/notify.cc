// SPDX-License-Identifier: ISC
#include "master/notify.h"

#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include <algorithm>

namespace restante::master::notify {

void report(ServiceState state, std::string_view status) {
  using namespace std::chrono;
  if (state == ServiceState::kReady) {
    sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str());
  } else if (state == ServiceState::kReloading) {
    // Of CLOCK_MONOTONIC, as systemd wants it.
    const auto now = duration_cast<microseconds>(steady_clock::now().time_since_epoch());
    sd_notify(0,
              fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading", now.count()).c_str());
  } else {
    sd_notify(0, "STOPPING=1\nSTATUS=stopping");
  }
}

void alive() { sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::milliseconds> watchdog_period() {
  std::uint64_t limit = 0;
  if (sd_watchdog_enabled(0, &limit) <= 0) return {};
  return std::chrono::milliseconds(std::max<std::uint64_t>(1, limit / 1000 / 4));
}

}  // namespace restante::master::notify
