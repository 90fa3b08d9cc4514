// SPDX-License-Identifier: ISC
// What systemd is told of the state of the whole (sd_notify(3)). Without it nothing happens.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace restante::master::notify {

// Serving, for the first time or again after a reload; `status` is for humans.
void ready(std::string_view status);
void reloading();
void stopping();
void alive();

// How often alive() is to be called, where a watchdog is set: twice in the time that it allows
// would do; it is four times, so that one call may fall into the moment of a restart.
[[nodiscard]] std::optional<std::chrono::milliseconds> watchdog_period();

}  // namespace restante::master::notify
