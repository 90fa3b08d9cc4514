// SPDX-License-Identifier: ISC
#include "shared/base/clock.h"

#include <ctime>

namespace restante {
inline namespace base {

std::chrono::microseconds precise_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::chrono::microseconds(time.tv_sec * 1'000'000 + time.tv_nsec / 1000);
}

std::chrono::milliseconds monotonic_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(precise_now());
}

}  // namespace base
}  // namespace restante
