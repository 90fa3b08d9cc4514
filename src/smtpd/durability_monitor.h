// SPDX-License-Identifier: ISC
// Monitors how durably Redis stores mail, and whether mail can be accepted: asks Redis at each new
// connection, and every two seconds from one of all workers. Logs a line when a risk appears and
// when it ends.
#pragma once

#include <cstdint>
#include <functional>

#include "shared/net/event_loop.h"
#include "shared/redis/client.h"
#include "shared/redis/durability.h"

namespace restante::smtpd {

// kUnsafe: mail could be lost, and the setting redis_strict forbids that.
enum class StoreState : std::uint8_t { kReady, kAway, kFull, kUnsafe };

class DurabilityMonitor {
 public:
  // `redis` and `health` must outlive the object. `strict`: risks make the state kUnsafe.
  DurabilityMonitor(event_base* base, redis::Client& redis, memory::RedisOutage& health,
                    bool strict);
  DurabilityMonitor(const DurabilityMonitor&) = delete;
  DurabilityMonitor& operator=(const DurabilityMonitor&) = delete;

  // As redis::Client::when_settled(), but if Redis is available, `settled` is called after its
  // reply.
  void when_settled(std::function<void()> settled);

  [[nodiscard]] StoreState state() const;

  // Bytes of memory that Redis may take; 0: any number, or it is not known.
  [[nodiscard]] std::uint64_t memory_limit() const { return health_.memory_limit.load(); }

  // This worker does not ask every two seconds any more.
  void stop() { next_.stop(); }

 private:
  void tick();
  void ask();
  void receive(const Result<redis::Facts>& facts);
  void log_changes(const redis::Judgement& judgement);
  void settle();

  redis::Client& redis_;
  memory::RedisOutage& health_;
  bool strict_;
  bool is_known_ = false;    // Redis has replied on this connection
  bool is_asking_ = false;   // a reply is outstanding
  bool is_settled_ = false;  // Redis is
  std::function<void()> settled_;
  net::Timer next_;
};

}  // namespace restante::smtpd
