// SPDX-License-Identifier: ISC
// The one event loop of a worker, and the end of its life: libevent with owners.
#pragma once

#include <event2/event.h>

#include <chrono>
#include <functional>

#include "shared/base/c_ptr.h"

namespace restante::net {

using EventPtr = CPtr<event, event_free>;

[[nodiscard]] timeval to_timeval(std::chrono::milliseconds time);

// A timer that calls back once, however often it was started meanwhile. Destroying or stopping it
// cancels the call.
class Timer {
 public:
  Timer(event_base* base, std::function<void()> expired);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start(std::chrono::milliseconds delay);
  // Calls back in this turn of the loop, after what the loop has to call already.
  void start_soon();
  void stop();
  [[nodiscard]] bool running() const;

 private:
  static void on_expired(int fd, short what, void* self) noexcept;
  std::function<void()> expired_;
  EventPtr event_;
};

// Calls back whenever `fd` is readable (persistent, level-triggered). Does not own `fd`.
class ReadWatch {
 public:
  ReadWatch(event_base* base, int fd, std::function<void()> readable);
  ReadWatch(const ReadWatch&) = delete;
  ReadWatch& operator=(const ReadWatch&) = delete;
  void stop();
  void go_on();  // after stop()

 private:
  static void on_readable(int fd, short what, void* self) noexcept;
  std::function<void()> readable_;
  EventPtr event_;
};

// Whether the peer of the connected socket `fd` has closed it, or its half of it.
[[nodiscard]] bool has_hung_up(int fd);

// Calls back once when the peer of the connected socket `fd` has closed it, or its half of it,
// though there may be bytes to read. Does not own `fd`.
class HangupWatch {
 public:
  HangupWatch(event_base* base, int fd, std::function<void()> closed);
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;

 private:
  static void on_change(int fd, short what, void* self) noexcept;
  std::function<void()> closed_;
  EventPtr event_;
};

class EventLoop {
 public:
  EventLoop();
  [[nodiscard]] event_base* base() const { return base_.get(); }

  // Runs until stop(). SIGPIPE is ignored; SIGTERM and SIGINT mean what the end of the life pipe
  // means (a terminal's Ctrl-C reaches the master and the workers alike), so a worker takes neither
  // itself: they are blocked. What ends a worker is end of file on `life_fd`: then `drain` is
  // called once, and it calls stop() when the last client has gone. A byte there means that others
  // take this worker's place: then `hand_over` is called before, which may call stop() likewise.
  // A worker without `hand_over` drains at once.
  void run(int life_fd, std::function<void()> drain, std::function<void()> hand_over = nullptr);
  void stop();

 private:
  CPtr<event_base, event_base_free> base_;
};

}  // namespace restante::net
