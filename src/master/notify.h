// SPDX-License-Identifier: ISC
// Reports the state of the service to systemd (sd_notify(3)). Does nothing when systemd did not
// start the master.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace restante::master {

// kReady: all processes are ready for the first time, or a reload has ended.
enum class ServiceState : std::uint8_t { kReady, kReloading, kStopping };

namespace notify {

// `status` is a line for people, which systemctl status shows. It counts for kReady alone.
void report(ServiceState state, std::string_view status);

// Resets the watchdog of systemd.
void alive();

// How often alive() has to be called, if WatchdogSec= is set: four times within it. Twice would do
// (sd_watchdog_enabled(3)), but one call may come while a process is being replaced.
[[nodiscard]] std::optional<std::chrono::milliseconds> watchdog_period();

}  // namespace notify
}  // namespace restante::master
