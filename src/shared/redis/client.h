// SPDX-License-Identifier: ISC
// One connection to Redis on a worker's event loop: commands are pipelined, each has a time limit,
// and a lost connection is made again with back-off. Only redis*.cc include hiredis.
//
// A connection on which a command timed out is given up at once, since a late reply would answer
// the next command; every command that was under way then fails with kUnavailable.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/error.h"
#include "shared/config/redis_address.h"
#include "shared/memory/redis_outage.h"
#include "shared/memory/scoreboard.h"
#include "shared/redis/reply.h"

struct event_base;

namespace restante {

class Redis {
 public:
  using Callback = std::function<void(Result<RedisReply>)>;

  // Connects at once and goes on trying. `health` outlives the connection. Commands that fail are
  // counted.
  Redis(event_base* base, RedisAddress address, std::chrono::milliseconds command_timeout,
        RedisHealth& health, Tally tally = {});
  ~Redis();
  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;

  // Connected, and the greeting (AUTH, SELECT, ROLE, PING) was answered well.
  [[nodiscard]] bool available() const;

  // Calls back once: when Redis is there, or when it has not been for the first second, which a
  // Redis that is started together with its clients may take. Only then is its absence an outage.
  void when_settled(std::function<void()> settled);

  // Calls `up` each time that it is there (again), before anything else is asked.
  void whenever_up(std::function<void()> up);

  [[nodiscard]] std::string place() const;  // for people
  // It is whom the Sentinels name, and is asked for again when a connection ends.
  [[nodiscard]] bool behind_sentinel() const;

  // Ends the connection and makes another: this server is no master any more.
  void leave(std::string_view reason);

  // Arguments are copied. Calls back exactly once, never from within the call unless Redis is away.
  // An error reply is an Error: kFull for OOM, else kUnavailable, with Redis' own text.
  void command(std::initializer_list<std::string_view> arguments, Callback done);

  // A command that Redis may refuse: that is no fault, and is neither counted nor logged.
  void probe(std::initializer_list<std::string_view> arguments, Callback done);

  // What Redis confirmed was the write of a mail: errors that it answered with before are over.
  void note_works();

  // EVALSHA, falling back to EVAL when Redis does not know the script (yet).
  void run_script(std::string_view source, std::span<const std::string_view> keys,
                  std::span<const std::string_view> arguments, Callback done);

  // Calls `changed` whenever something was published on the channel, and each time that the
  // subscription has been made (again): what was published before may have been missed. A channel
  // has one `changed`; to subscribe to it again asks Redis, which has to answer in time as it has
  // to a command. An object with subscriptions takes no commands (RESP2).
  void subscribe(std::string_view channel, std::function<void()> changed);
  void unsubscribe(std::string_view channel);

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace restante
