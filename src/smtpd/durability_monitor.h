// SPDX-License-Identifier: ISC
// Watches how Redis keeps data, for a worker that writes mail: at each connection, and every few
// seconds by one of all workers. What is wrong is one line in the log, and so is its end.
#pragma once

#include <functional>

#include "shared/net/event_loop.h"
#include "shared/redis/client.h"
#include "shared/redis/durability.h"

namespace restante {

enum class StoreState : std::uint8_t { kReady, kAway, kFull, kUnsafe };

class RedisGuard {
 public:
  // Both of the former outlive the guard. `strict`: what could lose mail is kUnsafe.
  RedisGuard(event_base* base, Redis& redis, RedisHealth& health, bool strict);
  RedisGuard(const RedisGuard&) = delete;
  RedisGuard& operator=(const RedisGuard&) = delete;

  // As Redis::when_settled, but Redis has also been asked if it is there.
  void when_settled(std::function<void()> settled);

  // Whether mail may be taken.
  [[nodiscard]] StoreState state() const;

  // Others watch from now on.
  void stop() { next_.stop(); }

 private:
  void tick();
  void ask();
  void answered(const Result<RedisFacts>& facts);
  void tell(const RedisJudgement& judgement);
  void settle();

  Redis& redis_;
  RedisHealth& health_;
  bool strict_;
  bool knows_ = false;   // Redis has answered on this connection
  bool asking_ = false;  // and is being asked
  bool is_settled_ = false;
  std::function<void()> settled_;
  Timer next_;
};

}  // namespace restante
