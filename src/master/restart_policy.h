// SPDX-License-Identifier: ISC
// When a process that ended is started again. The time is an argument.
#pragma once

#include <chrono>
#include <deque>

namespace restante::master {

// The history of one process. A process that ends before it was ready has a fault of its own, so
// the wait before each new start doubles from 1 s to 60 s. A process that was ready may have been
// crashed by a client, which must not be able to keep the service down. It is started again at
// once, but at most ten times a second.
class RestartPolicy {
 public:
  using Time = std::chrono::milliseconds;  // of the monotonic clock

  void started(Time now);
  // Returns when to start the process again: `now` or later.
  [[nodiscard]] Time ended(bool was_ready, Time now);

 private:
  static constexpr std::size_t kStartsPerSecond = 10;
  unsigned failures_ = 0;
  std::deque<Time> starts_;  // the latest ones, at most kStartsPerSecond
};

}  // namespace restante::master
