// SPDX-License-Identifier: ISC
// The monotonic clock, which is the same for all processes of the machine.
#pragma once

#include <chrono>

namespace restante {
inline namespace base {

[[nodiscard]] std::chrono::milliseconds monotonic_now();

// The same clock in microseconds, for measuring how long something took.
[[nodiscard]] std::chrono::microseconds precise_now();

}  // namespace base
}  // namespace restante
