// SPDX-License-Identifier: ISC
// One connection to Redis on a worker's event loop (with redis_reply.cc and redis_arena.cc
// the only file with hiredis).
#include "shared/redis/client.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "shared/net/event_loop.h"
#include "shared/memory/rate_table.h"
#include "shared/redis/reply_arena.h"
#include "shared/redis/channels.h"
#include "shared/redis/loop_adapter.h"
#include "shared/redis/sentinel.h"
#include "shared/redis/tls.h"

namespace restante {

using std::chrono::milliseconds;

class Redis::Connection {
 public:
  Connection(event_base* base, RedisAddress address, milliseconds timeout, RedisHealth& health,
             Tally tally)
      : base_(base),
        address_(std::move(address)),
        timeout_(timeout),
        health_(health),
        tally_(std::move(tally)),
        retry_(base, [this] { connect(); }),
        overdue_(base, [this] { check_overdue(); }),
        first_second_(base, [this] { settle(); }) {
    if (!address_.sentinels.empty()) {
      sentinels_ =
          std::make_unique<SentinelClient>(base_, address_.sentinels, address_.master, timeout_);
    }
    // A Sentinel has a second to answer too.
    first_second_.start(std::chrono::seconds(1 + address_.sentinels.size()));
    connect();
  }

  ~Connection() {
    abandoned_ = true;
    if (context_ != nullptr) redisAsyncFree(context_);
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool available() const { return up_; }
  [[nodiscard]] bool behind_sentinel() const { return sentinels_ != nullptr; }
  void note_works() { restante::note_works(health_, place()); }
  [[nodiscard]] std::string place() const {
    if (!address_.path.empty()) return address_.path;
    if (address_.host.empty()) return address_.master;
    return fmt::format("{}:{}", address_.host, address_.port);
  }

  void when_settled(std::function<void()> settled) { settled_ = std::move(settled); }
  void whenever_up(std::function<void()> up) { whenever_up_ = std::move(up); }

  // Ends a connection that cannot be used any more. Every command under way fails, and what of them
  // still waits to be sent must not arrive later: by then its sender may have tried again.
  void give_up(std::string_view reason) {
    redisAsyncContext* context = context_;
    if (context == nullptr) return;  // given up already
    drop_unsent(context->c.fd);
    lost(reason);
    redisAsyncFree(context);
  }

  void command(std::span<const std::string_view> arguments, Callback done, bool is_probe = false) {
    if (!up_) {
      tally_.add(Count::kRedisErrors);
      done(fail(ErrorKind::kUnavailable, "Redis at {} is away", place()));
      return;
    }
    send(arguments, std::move(done), is_probe);
  }

  void run_script(std::string_view source, std::span<const std::string_view> keys,
                  std::span<const std::string_view> arguments, Callback done) {
    const std::string& sha = digest_of(source);
    const std::string key_count = fmt::format("{}", keys.size());
    std::vector<std::string_view> words = {sha.empty() ? "EVAL" : "EVALSHA",
                                           sha.empty() ? source : sha, key_count};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    command(words, std::move(done));
  }

  RedisChannels& channels() { return channels_; }

 private:
  struct Pending {
    Connection& owner;
    Callback done;
    bool is_probe;
  };

  bool ask_for_channel(std::string_view command, std::string_view name) {
    if (!up_) return false;
    const bool subscribes = command == "SUBSCRIBE";
    if (redisAsyncCommand(context_, subscribes ? on_channel : nullptr, subscribes ? this : nullptr,
                          subscribes ? "SUBSCRIBE %b" : "UNSUBSCRIBE %b", name.data(),
                          name.size()) != REDIS_OK) {
      return false;
    }
    if (subscribes) expect_answer();
    return true;
  }

  void connect() {
    if (!sentinels_) return open();
    sentinels_->find([this](Result<RedisAddress::Server> master) {
      if (!master) return lost(master.error().what);
      address_.host = std::move(master->host);
      address_.port = master->port;
      open();
    });
  }

  void open() {
    context_ = address_.path.empty() ? redisAsyncConnect(address_.host.c_str(), address_.port)
                                     : redisAsyncConnectUnix(address_.path.c_str());
    if (context_ == nullptr) return lost("out of memory");
    context_->data = this;
    if (context_->err != 0) {
      const std::string reason = context_->errstr;
      redisAsyncFree(context_);
      return lost(reason);
    }
    if (address_.tls && !address_.tls->start(context_->c, address_.host)) {
      redisAsyncFree(context_);
      return lost("TLS cannot be started");
    }
    context_->c.reader->maxbuf = 0;  // the default shrinks and grows the buffer of large replies
    keep_replies_together(*context_->c.reader);
    if (!attach_to_loop(*context_, base_)) {
      redisAsyncFree(context_);
      return lost("out of memory");
    }
    redisAsyncSetConnectCallback(context_, on_connect);
    redisAsyncSetDisconnectCallback(context_, on_disconnect);
    deadlines_.push_back(monotonic_now() + timeout_);  // for the connect itself
    overdue_.start(timeout_);
  }

  // A connection is up once Redis has answered what it is greeted with.
  void greet() {
    deadlines_.pop_front();
    const auto or_fail = [this](Result<RedisReply> reply) {
      if (!reply) give_up(reply.error().what);
    };
    if (!address_.password.empty()) {
      if (address_.user.empty()) {
        send({{"AUTH", address_.password}}, or_fail);
      } else {
        send({{"AUTH", address_.user, address_.password}}, or_fail);
      }
    }
    if (address_.database != 0) {
      send({{"SELECT", std::string_view(fmt::format("{}", address_.database))}}, or_fail);
    }
    if (sentinels_) {
      send({{"ROLE"}}, [this](Result<RedisReply> reply) {
        const bool is_master = reply && reply->size() > 0 && reply->at(0).text() == "master";
        if (!is_master) give_up(reply ? "it is no master" : reply.error().what);
      });
    }
    send({{"PING"}}, [this](Result<RedisReply> reply) {
      if (!reply) return give_up(reply.error().what);
      up_ = true;
      delay_ = kFirstDelay;
      note_back(health_, place());
      if (whenever_up_) whenever_up_();
      channels_.connected();
      settle();
    });
  }

  void send(std::span<const std::string_view> arguments, Callback done, bool is_probe = false) {
    std::vector<const char*> words;
    std::vector<std::size_t> lengths;
    words.reserve(arguments.size());
    lengths.reserve(arguments.size());
    for (const std::string_view argument : arguments) {
      words.push_back(argument.data());
      lengths.push_back(argument.size());
    }
    auto pending = std::make_unique<Pending>(Pending{*this, std::move(done), is_probe});
    if (context_ == nullptr ||
        redisAsyncCommandArgv(context_, on_reply, pending.get(), static_cast<int>(words.size()),
                              words.data(), lengths.data()) != REDIS_OK) {
      return pending->done(fail(ErrorKind::kUnavailable, "Redis at {} is away", place()));
    }
    (void)pending.release();  // on_reply takes it back
    expect_answer();
  }

  void expect_answer() {
    deadlines_.push_back(monotonic_now() + timeout_);
    if (!overdue_.running()) overdue_.start(timeout_);
  }

  void send(std::initializer_list<std::string_view> arguments, Callback done) {
    send(std::span(arguments.begin(), arguments.size()), std::move(done));
  }

  // Answers come in order, so the oldest command is the one that can be late.
  void check_overdue() {
    const auto now = monotonic_now();
    if (deadlines_.empty() || deadlines_.front() > now) {
      is_in_grace_ = false;
      if (!deadlines_.empty()) overdue_.start(deadlines_.front() - now);
      return;
    }
    // Whoever stood still himself finds the time over, and the answer in his socket or the command
    // not even sent.
    if (!std::exchange(is_in_grace_, true)) return overdue_.start(timeout_ / 10);
    give_up("no answer in time");
  }

  // Else the kernel goes on trying to send after close(2), for minutes if the network is away.
  static void drop_unsent(int socket) {
    const linger none{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  }

  void lost(std::string_view reason) {
    context_ = nullptr;
    up_ = false;
    digests_.clear();  // the next Redis may not know the scripts
    deadlines_.clear();
    is_in_grace_ = false;
    channels_.disconnected();
    overdue_.stop();
    const std::string tls_reason = address_.tls ? RedisTls::take_error() : std::string();
    reason_ = tls_reason.empty() ? reason : tls_reason;
    if (is_settled_) note_lost(health_, place(), reason_);
    retry_.start(delay_);
    delay_ = std::min(delay_ * 2, kLastDelay);
  }

  void settle() {
    if (std::exchange(is_settled_, true)) return;
    first_second_.stop();
    if (!up_) note_lost(health_, place(), reason_);
    if (settled_) settled_();
  }

  // The SHA-1 under which Redis knows the script; empty until Redis has told it.
  const std::string& digest_of(std::string_view source) {
    const auto [digest, fresh] = digests_.try_emplace(source);
    if (fresh && up_) {
      send({{"SCRIPT", "LOAD", source}}, [this, source](Result<RedisReply> reply) {
        if (reply) digests_[source] = reply->text();
      });
    }
    return digest->second;
  }

  Result<RedisReply> judge(const redisReply* reply, bool is_probe) {
    const bool failed = reply == nullptr || reply->type == REDIS_REPLY_ERROR;
    if (failed && !is_probe) tally_.add(Count::kRedisErrors);
    if (reply == nullptr) {
      return fail(ErrorKind::kUnavailable, "the connection to Redis at {} was lost", place());
    }
    if (reply->type != REDIS_REPLY_ERROR) return RedisReply(reply);
    const std::string_view text(reply->str, static_cast<std::size_t>(reply->len));
    if (text.starts_with("NOSCRIPT")) digests_.clear();
    if (!is_probe) note_fault(health_, place(), text);
    const bool full = text.find("OOM command not allowed") != std::string_view::npos;
    return fail(full ? ErrorKind::kFull : ErrorKind::kUnavailable, "Redis: {}", text);
  }

  static void on_reply(redisAsyncContext* context, void* raw_reply, void* raw_pending) noexcept {
    const std::unique_ptr<Pending> pending(static_cast<Pending*>(raw_pending));
    Connection& self = pending->owner;
    if (self.abandoned_) return;
    if (context == self.context_) {
      if (raw_reply == nullptr) {
        self.lost(context->errstr);
      } else if (!self.deadlines_.empty()) {
        self.deadlines_.pop_front();
      }
    }
    auto reply = self.judge(static_cast<const redisReply*>(raw_reply), pending->is_probe);
    if (self.sentinels_ && !reply && reply.error().what.starts_with("Redis: READONLY")) {
      self.give_up("it is no master any more");
    }
    pending->done(std::move(reply));
  }

  static void on_channel(redisAsyncContext* context, void* raw_reply, void* raw_self) noexcept {
    auto& self = *static_cast<Connection*>(raw_self);
    if (raw_reply == nullptr || self.abandoned_ || context != self.context_) return;
    const RedisReply reply(static_cast<const redisReply*>(raw_reply));
    if (reply.size() < 2) return;
    if (reply.at(0).text() == "subscribe" && !self.deadlines_.empty()) self.deadlines_.pop_front();
    // Copied: a callback may end the connection, and with it the reply.
    self.channels_.hear(std::string(reply.at(0).text()), std::string(reply.at(1).text()));
  }

  static void on_connect(const redisAsyncContext* context, int status) noexcept {
    auto& self = *static_cast<Connection*>(context->data);
    if (self.abandoned_ || context != self.context_) return;
    if (status == REDIS_OK) return self.greet();
    self.lost(context->errstr);  // hiredis frees the context itself
  }

  static void on_disconnect(const redisAsyncContext* context, int) noexcept {
    auto& self = *static_cast<Connection*>(context->data);
    if (self.abandoned_ || context != self.context_) return;
    self.lost(context->err != 0 ? context->errstr : "closed");
  }

  static constexpr milliseconds kFirstDelay{50}, kLastDelay{1000};

  event_base* base_;
  RedisAddress address_;
  milliseconds timeout_;
  RedisHealth& health_;
  Tally tally_;
  Timer retry_, overdue_, first_second_;
  std::unique_ptr<SentinelClient> sentinels_;  // that know where Redis is, if some do
  std::function<void()> settled_, whenever_up_;
  bool is_settled_ = false;
  std::string reason_ = "no answer yet";  // of the last loss
  redisAsyncContext* context_ = nullptr;  // hiredis frees it, at the latest by redisAsyncFree
  bool up_ = false;
  bool abandoned_ = false;
  milliseconds delay_ = kFirstDelay;
  bool is_in_grace_ = false;            // the oldest is late, and has not been given up
  std::deque<milliseconds> deadlines_;  // of the commands under way, oldest first
  std::map<std::string_view, std::string> digests_;
  RedisChannels channels_{[this](std::string_view command, std::string_view channel) {
    return ask_for_channel(command, channel);
  }};
};

Redis::Redis(event_base* base, RedisAddress address, milliseconds command_timeout,
             RedisHealth& health, Tally tally)
    : connection_(std::make_unique<Connection>(base, std::move(address), command_timeout, health,
                                               std::move(tally))) {}

Redis::~Redis() = default;

bool Redis::available() const { return connection_->available(); }
bool Redis::behind_sentinel() const { return connection_->behind_sentinel(); }
void Redis::leave(std::string_view reason) { connection_->give_up(reason); }
std::string Redis::place() const { return connection_->place(); }
void Redis::note_works() { connection_->note_works(); }

void Redis::whenever_up(std::function<void()> up) { connection_->whenever_up(std::move(up)); }

void Redis::probe(std::initializer_list<std::string_view> arguments, Callback done) {
  connection_->command(std::span(arguments.begin(), arguments.size()), std::move(done),
                       /*is_probe=*/true);
}

void Redis::when_settled(std::function<void()> settled) {
  connection_->when_settled(std::move(settled));
}

void Redis::command(std::initializer_list<std::string_view> arguments, Callback done) {
  connection_->command(std::span(arguments.begin(), arguments.size()), std::move(done));
}

void Redis::run_script(std::string_view source, std::span<const std::string_view> keys,
                       std::span<const std::string_view> arguments, Callback done) {
  connection_->run_script(source, keys, arguments, std::move(done));
}

void Redis::subscribe(std::string_view channel, std::function<void()> changed) {
  connection_->channels().subscribe(channel, std::move(changed));
}

void Redis::unsubscribe(std::string_view channel) { connection_->channels().unsubscribe(channel); }

}  // namespace restante
