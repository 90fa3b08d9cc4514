// SPDX-License-Identifier: ISC
// Redis for a program that has nothing else to do: one question at a time, waited for.
#pragma once

#include <event2/event.h>

#include <optional>

#include "shared/config/config.h"
#include "shared/net/event_loop.h"
#include "shared/store/mail_store.h"
#include "shared/redis/client.h"

namespace restante::ctl {

class Store {
 public:
  Store(const Config& config, RedisAddress address)
      : redis_(loop_.base(), std::move(address), config.redis_timeout, health_),
        mails_(loop_.base(), redis_, config.retention) {
    redis_.when_settled([this] { settled_ = true; });
    while (!settled_) event_base_loop(loop_.base(), EVLOOP_ONCE);
  }

  [[nodiscard]] Redis& redis() { return redis_; }
  [[nodiscard]] MailStore& mails() { return mails_; }

  // `start` begins what calls the function that it is given, once, with the answer.
  template <class T, class Start>
  [[nodiscard]] T answer_of(Start start) {
    std::optional<T> answer;
    start([&answer](T given) { answer.emplace(std::move(given)); });
    while (!answer) event_base_loop(loop_.base(), EVLOOP_ONCE);
    return *std::move(answer);
  }

 private:
  EventLoop loop_;
  RedisHealth health_{0, 0, 0, 0,
                      0, 0, 1};  // what is away is told by the command, not by a line of the log
  bool settled_ = false;
  Redis redis_;
  MailStore mails_;
};

}  // namespace restante::ctl
