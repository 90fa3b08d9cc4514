// SPDX-License-Identifier: ISC
// The store for a program that waits for each reply: a command of restantectl.
#pragma once

#include <event2/event.h>

#include <optional>

#include "shared/config/config.h"
#include "shared/net/event_loop.h"
#include "shared/redis/client.h"
#include "shared/store/redis_reader.h"

namespace restante::ctl {

class Store {
 public:
  // Waits until Redis is available, or was not for as long as redis::Client::when_settled() allows.
  Store(const config::Config& config, config::RedisAddress address)
      : redis_(loop_.base(), std::move(address), config.redis_timeout, health_),
        resources_{redis_, config.retention, store::FrameCache(loop_.base())} {
    redis_.when_settled([this] { settled_ = true; });
    while (!settled_) event_base_loop(loop_.base(), EVLOOP_ONCE);
  }

  [[nodiscard]] redis::Client& redis() { return redis_; }
  [[nodiscard]] store::Reader& reader() { return reader_; }

  // Calls `start` with a callback, waits until that is called, and returns what it was called with.
  template <class T, class Start>
  [[nodiscard]] T answer_of(Start start) {
    std::optional<T> answer;
    start([&answer](T given) { answer.emplace(std::move(given)); });
    while (!answer) event_base_loop(loop_.base(), EVLOOP_ONCE);
    return *std::move(answer);
  }

  // Waits until Redis has carried out what was sent without waiting for a reply: it does what one
  // connection sends in order.
  void flush() {
    (void)answer_of<Result<void>>([this](auto done) { reader_.ping(std::move(done)); });
  }

 private:
  net::EventLoop loop_;
  memory::RedisOutage health_{.is_private = 1};  // an outage is reported by the command, not logged
  bool settled_ = false;
  redis::Client redis_;
  store::ReadResources resources_;
  store::RedisReader reader_{resources_};
};

}  // namespace restante::ctl
