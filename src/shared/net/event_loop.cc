// SPDX-License-Identifier: ISC
#include "shared/net/event_loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "shared/log/log.h"

namespace restante::net {
namespace {

EventPtr make_event(event_base* base, int fd, short what, event_callback_fn callback, void* self) {
  EventPtr made(event_new(base, fd, what, callback, self));
  if (made == nullptr) throw std::runtime_error("cannot make an event");
  return made;
}

}  // namespace

timeval to_timeval(std::chrono::milliseconds time) {
  return {.tv_sec = time.count() / 1000, .tv_usec = time.count() % 1000 * 1000};
}

Timer::Timer(event_base* base, std::function<void()> expired)
    : expired_(std::move(expired)), event_(make_event(base, -1, 0, on_expired, this)) {}

void Timer::start(std::chrono::milliseconds delay) {
  const timeval after = to_timeval(delay);
  event_add(event_.get(), &after);
}

void Timer::start_soon() { event_active(event_.get(), EV_TIMEOUT, 0); }

void Timer::stop() { event_del(event_.get()); }

bool Timer::running() const { return event_pending(event_.get(), EV_TIMEOUT, nullptr) != 0; }

void Timer::on_expired(int, short, void* self) noexcept { static_cast<Timer*>(self)->expired_(); }

ReadWatch::ReadWatch(event_base* base, int fd, std::function<void()> readable)
    : readable_(std::move(readable)),
      event_(make_event(base, fd, EV_READ | EV_PERSIST, on_readable, this)) {
  go_on();
}

void ReadWatch::stop() { event_del(event_.get()); }

void ReadWatch::go_on() { event_add(event_.get(), nullptr); }

void ReadWatch::on_readable(int, short, void* self) noexcept {
  static_cast<ReadWatch*>(self)->readable_();
}

bool has_hung_up(int fd) {
  pollfd state{fd, POLLRDHUP, 0};
  return poll(&state, 1, 0) > 0;
}

// Edge-triggered, since nobody reads meanwhile. EV_CLOSED alone would not do: libevent reports a
// reset connection as readable and writable.
HangupWatch::HangupWatch(event_base* base, int fd, std::function<void()> closed)
    : closed_(std::move(closed)),
      event_(make_event(base, fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_change, this)) {
  event_add(event_.get(), nullptr);
}

void HangupWatch::on_change(int fd, short, void* raw_self) noexcept {
  auto& self = *static_cast<HangupWatch*>(raw_self);
  if (!has_hung_up(fd) || !self.closed_) return;
  const auto closed = std::exchange(self.closed_, nullptr);
  closed();  // may end the watch
}

EventLoop::EventLoop() : base_(event_base_new()) {
  if (base_ == nullptr) throw std::runtime_error("cannot make an event loop");
  signal(SIGPIPE, SIG_IGN);
  sigset_t terminal;
  sigemptyset(&terminal);
  sigaddset(&terminal, SIGINT);
  sigaddset(&terminal, SIGTERM);
  sigaddset(&terminal, SIGHUP);
  sigprocmask(SIG_BLOCK, &terminal, nullptr);
}

void EventLoop::run(int life_fd, std::function<void()> drain, std::function<void()> hand_over) {
  std::optional<HangupWatch> end;
  ReadWatch life(base(), life_fd, [&] {
    life.stop();  // the byte is left there for the others
    int bytes = 0;
    if (!hand_over || ioctl(life_fd, FIONREAD, &bytes) != 0 || bytes == 0) return drain();
    end.emplace(base(), life_fd, drain);
    hand_over();
  });
  log::hold();
  do {
    log::flush();
  } while (event_base_loop(base(), EVLOOP_ONCE) == 0 && event_base_got_break(base()) == 0);
  log::flush();
}

void EventLoop::stop() { event_base_loopbreak(base()); }

}  // namespace restante::net
