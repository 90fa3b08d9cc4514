// SPDX-License-Identifier: ISC
// A client of one Redis server, on the event loop of a worker. It pipelines commands, limits the
// time of each, and connects again with back-off when a connection ends.
//
// When a command times out, the connection is closed at once, because a late reply would be taken
// for the reply to the next command. All commands in progress then fail with kUnavailable.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "shared/base/error.h"
#include "shared/config/redis_address.h"
#include "shared/memory/redis_outage.h"
#include "shared/memory/scoreboard.h"
#include "shared/net/event_loop.h"
#include "shared/redis/channels.h"
#include "shared/redis/reply.h"

struct redisAsyncContext;

namespace restante::redis {

class Sentinel;

class Client {
 public:
  // Called exactly once; before the call that it was given to returns only if Redis is away. An
  // error reply becomes an Error with the text of Redis: kFull for OOM, else kUnavailable.
  using Callback = std::function<void(Result<Reply>)>;

  // Begins to connect, and tries until it succeeds. Outages are noted in `health`, which must
  // outlive the object, and commands that fail are counted in `counters`.
  Client(event_base* base, config::RedisAddress address, std::chrono::milliseconds command_timeout,
         memory::RedisOutage& health, memory::Counters counters = {});
  // Callbacks of commands in progress are not called any more. Not to be destroyed in a callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Connected, and each command of the greeting (AUTH, SELECT, ROLE, PING) has succeeded.
  [[nodiscard]] bool available() const { return up_; }

  // Calls `settled` once: when Redis is available, or has not been for the first second (with
  // Sentinels: a second more for each). Only then is its absence an outage, because a Redis that is
  // started together with its clients may need that second.
  void when_settled(std::function<void()> settled) { settled_ = std::move(settled); }

  // Calls `up` each time that Redis becomes available, before any other command can be sent.
  void whenever_up(std::function<void()> up) { whenever_up_ = std::move(up); }

  // The server, for people: a path, host and port, or the master's name while its host is unknown.
  [[nodiscard]] std::string server_name() const;
  // Sentinels name the server; they are asked again when a connection ends.
  [[nodiscard]] bool behind_sentinel() const { return sentinels_ != nullptr; }

  // Closes the connection and connects again. Commands in progress fail, and those that have not
  // been sent are discarded, because their senders may try again.
  void reconnect(std::string_view reason);

  // The arguments are copied.
  void command(std::initializer_list<std::string_view> arguments, Callback done);

  // A command that Redis may refuse: an error reply is neither counted nor logged.
  void probe(std::initializer_list<std::string_view> arguments, Callback done);

  // Redis has confirmed the write of a mail: the errors that it replied with before have ended.
  void note_works() { restante::memory::note_works(health_, server_name()); }

  // Runs a Lua script with EVALSHA, or with EVAL until Redis has loaded it. `source` must outlive
  // the object.
  void run_script(std::string_view source, std::span<const std::string_view> keys,
                  std::span<const std::string_view> arguments, Callback done);
  void run_script(std::string_view source, std::initializer_list<std::string_view> keys,
                  std::initializer_list<std::string_view> arguments, Callback done) {
    run_script(source, std::span(keys.begin(), keys.size()),
               std::span(arguments.begin(), arguments.size()), std::move(done));
  }

  // Calls `changed` whenever something was published on the channel, and each time that the
  // subscription became active (again), because earlier messages may have been missed. A channel
  // has one `changed`. Subscribing again sends the command again, and its reply must arrive in time
  // like any other. An object with subscriptions cannot send commands (RESP2).
  void subscribe(std::string_view channel, std::function<void()> changed) {
    channels_.subscribe(channel, std::move(changed));
  }
  void unsubscribe(std::string_view channel) { channels_.unsubscribe(channel); }

 private:
  struct Pending;

  void connect();
  void open();
  void greet();
  void lost(std::string_view reason);
  void settle();
  void execute(std::span<const std::string_view> arguments, Callback done, bool is_probe = false);
  void send(std::span<const std::string_view> arguments, Callback done, bool is_probe = false);
  void send(std::initializer_list<std::string_view> arguments, Callback done) {
    send(std::span(arguments.begin(), arguments.size()), std::move(done));
  }
  [[nodiscard]] bool send_for_channel(std::string_view command, std::string_view channel);
  void expect_reply();
  void check_overdue();
  [[nodiscard]] const std::string& digest_of(std::string_view source);
  [[nodiscard]] Result<Reply> judge(const redisReply* reply, bool is_probe);
  static void on_reply(redisAsyncContext* context, void* raw_reply, void* raw_pending) noexcept;
  static void on_channel(redisAsyncContext* context, void* raw_reply, void* raw_self) noexcept;
  static void on_connect(const redisAsyncContext* context, int status) noexcept;
  static void on_disconnect(const redisAsyncContext* context, int status) noexcept;

  static constexpr std::chrono::milliseconds kFirstDelay{50}, kLastDelay{1000};

  event_base* base_;
  config::RedisAddress address_;
  std::chrono::milliseconds timeout_;
  memory::RedisOutage& health_;
  memory::Counters counters_;
  net::Timer retry_, overdue_, first_second_;
  std::unique_ptr<Sentinel> sentinels_;  // empty if the address names no Sentinels
  std::function<void()> settled_, whenever_up_;
  bool is_settled_ = false;
  std::string reason_ = "no answer yet";  // why the last connection ended
  redisAsyncContext* context_ = nullptr;  // hiredis frees it, in redisAsyncFree at the latest
  bool up_ = false;
  bool is_destroyed_ = false;  // the destructor is running
  std::chrono::milliseconds delay_ = kFirstDelay;
  bool is_in_grace_ = false;                         // the oldest command has timed out
  std::deque<std::chrono::milliseconds> deadlines_;  // of the commands in progress, oldest first
  std::map<std::string_view, std::string> digests_;  // SHA-1 of each script; empty: not loaded yet
  Channels channels_{[this](std::string_view command, std::string_view channel) {
    return send_for_channel(command, channel);
  }};
};

}  // namespace restante::redis
