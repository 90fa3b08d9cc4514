// SPDX-License-Identifier: ISC
// When a process that ended is started again: pure, time goes in as an argument.
#pragma once

#include <chrono>
#include <deque>

namespace restante::master {

// One per process slot. A process that ends before it was ready has a fault of its own: the wait
// doubles from 1 s to 60 s. One that was ready and dies may have been knocked over by a client, who
// must not be able to hold it down: it is started at once, but at most ten times a second.
class RestartPolicy {
 public:
  using Time = std::chrono::milliseconds;  // of the monotonic clock

  void started(Time now);
  // When to start the next one; not before `now`.
  [[nodiscard]] Time ended(bool was_ready, Time now);

 private:
  static constexpr std::size_t kStartsPerSecond = 10;
  unsigned failures_ = 0;
  std::deque<Time> starts_;  // the latest ones, at most kStartsPerSecond
};

}  // namespace restante::master
