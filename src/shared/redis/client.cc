// SPDX-License-Identifier: ISC
#include "shared/redis/client.h"

#include <fmt/format.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "shared/base/clock.h"
#include "shared/redis/loop_adapter.h"
#include "shared/redis/reply_arena.h"
#include "shared/redis/sentinel.h"
#include "shared/redis/tls.h"

namespace restante::redis {
namespace {

using std::chrono::milliseconds;

// Otherwise the kernel goes on sending after close(2), for minutes if the network is away.
void drop_unsent(int socket) {
  const linger none{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

}  // namespace

struct Client::Pending {
  Client& owner;
  Callback done;
  bool is_probe;
};

Client::Client(event_base* base, config::RedisAddress address, milliseconds command_timeout,
               memory::RedisOutage& health, memory::Counters counters)
    : base_(base),
      address_(std::move(address)),
      timeout_(command_timeout),
      health_(health),
      counters_(std::move(counters)),
      retry_(base, [this] { connect(); }),
      overdue_(base, [this] { check_overdue(); }),
      first_second_(base, [this] { settle(); }) {
  if (!address_.sentinels.empty()) {
    sentinels_ = std::make_unique<Sentinel>(base_, address_.sentinels, address_.master, timeout_);
  }
  first_second_.start(std::chrono::seconds(1 + address_.sentinels.size()));
  connect();
}

Client::~Client() {
  is_destroyed_ = true;
  if (context_ != nullptr) redisAsyncFree(context_);
}

std::string Client::server_name() const {
  if (!address_.path.empty()) return address_.path;
  if (address_.host.empty()) return address_.master;
  return fmt::format("{}:{}", address_.host, address_.port);
}

void Client::reconnect(std::string_view reason) {
  redisAsyncContext* context = context_;
  if (context == nullptr) return;  // it is closed already
  drop_unsent(context->c.fd);
  lost(reason);
  redisAsyncFree(context);
}

void Client::command(std::initializer_list<std::string_view> arguments, Callback done) {
  execute(std::span(arguments.begin(), arguments.size()), std::move(done));
}

void Client::probe(std::initializer_list<std::string_view> arguments, Callback done) {
  execute(std::span(arguments.begin(), arguments.size()), std::move(done), /*is_probe=*/true);
}

void Client::run_script(std::string_view source, std::span<const std::string_view> keys,
                        std::span<const std::string_view> arguments, Callback done) {
  const std::string& sha = digest_of(source);
  const std::string key_count = fmt::format("{}", keys.size());
  std::vector<std::string_view> words = {sha.empty() ? "EVAL" : "EVALSHA",
                                         sha.empty() ? source : sha, key_count};
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), arguments.begin(), arguments.end());
  execute(words, std::move(done));
}

void Client::execute(std::span<const std::string_view> arguments, Callback done, bool is_probe) {
  if (!up_) {
    counters_.add(memory::Count::kRedisErrors);
    done(fail(ErrorKind::kUnavailable, "Redis at {} is away", server_name()));
    return;
  }
  send(arguments, std::move(done), is_probe);
}

void Client::connect() {
  if (!sentinels_) return open();
  sentinels_->find([this](Result<config::RedisAddress::Server> master) {
    if (!master) return lost(master.error().what);
    address_.host = std::move(master->host);
    address_.port = master->port;
    open();
  });
}

void Client::open() {
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
  context_->c.reader->maxbuf = 0;  // by default the buffer shrinks after each large reply
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

// Redis is available once it has replied to the last command of the greeting.
void Client::greet() {
  deadlines_.pop_front();
  const auto or_fail = [this](Result<Reply> reply) {
    if (!reply) reconnect(reply.error().what);
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
    send({{"ROLE"}}, [this](Result<Reply> reply) {
      const bool is_master = reply && reply->size() > 0 && reply->at(0).text() == "master";
      if (!is_master) reconnect(reply ? "it is no master" : reply.error().what);
    });
  }
  send({{"PING"}}, [this](Result<Reply> reply) {
    if (!reply) return reconnect(reply.error().what);
    up_ = true;
    delay_ = kFirstDelay;
    memory::note_back(health_, server_name());
    if (whenever_up_) whenever_up_();
    channels_.connected();
    settle();
  });
}

void Client::send(std::span<const std::string_view> arguments, Callback done, bool is_probe) {
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
    return pending->done(fail(ErrorKind::kUnavailable, "Redis at {} is away", server_name()));
  }
  (void)pending.release();  // on_reply owns it now
  expect_reply();
}

bool Client::send_for_channel(std::string_view command, std::string_view channel) {
  if (!up_) return false;
  const bool subscribes = command == "SUBSCRIBE";
  if (redisAsyncCommand(context_, subscribes ? on_channel : nullptr, subscribes ? this : nullptr,
                        subscribes ? "SUBSCRIBE %b" : "UNSUBSCRIBE %b", channel.data(),
                        channel.size()) != REDIS_OK) {
    return false;
  }
  if (subscribes) expect_reply();
  return true;
}

void Client::expect_reply() {
  deadlines_.push_back(monotonic_now() + timeout_);
  if (!overdue_.running()) overdue_.start(timeout_);
}

// Replies arrive in the order of the commands, so the oldest command is the first to be late.
void Client::check_overdue() {
  const auto now = monotonic_now();
  if (deadlines_.empty() || deadlines_.front() > now) {
    is_in_grace_ = false;
    if (!deadlines_.empty()) overdue_.start(deadlines_.front() - now);
    return;
  }
  // If this process was stalled, the deadline has passed although the reply may already be in the
  // socket, or the command has not been sent. Wait a tenth of the timeout more.
  if (!std::exchange(is_in_grace_, true)) return overdue_.start(timeout_ / 10);
  reconnect("no answer in time");
}

void Client::lost(std::string_view reason) {
  context_ = nullptr;
  up_ = false;
  digests_.clear();  // the next server may not have the scripts
  deadlines_.clear();
  is_in_grace_ = false;
  channels_.disconnected();
  overdue_.stop();
  const std::string tls_reason = address_.tls ? Tls::last_error() : std::string();
  reason_ = tls_reason.empty() ? reason : tls_reason;
  if (is_settled_) memory::note_lost(health_, server_name(), reason_);
  retry_.start(delay_);
  delay_ = std::min(delay_ * 2, kLastDelay);
}

void Client::settle() {
  if (std::exchange(is_settled_, true)) return;
  first_second_.stop();
  if (!up_) memory::note_lost(health_, server_name(), reason_);
  if (settled_) settled_();
}

// The SHA-1 by which Redis has the script; empty until Redis has replied with it.
const std::string& Client::digest_of(std::string_view source) {
  const auto [digest, fresh] = digests_.try_emplace(source);
  if (fresh && up_) {
    send({{"SCRIPT", "LOAD", source}}, [this, source](Result<Reply> reply) {
      if (reply) digests_[source] = reply->text();
    });
  }
  return digest->second;
}

Result<Reply> Client::judge(const redisReply* reply, bool is_probe) {
  const bool failed = reply == nullptr || reply->type == REDIS_REPLY_ERROR;
  if (failed && !is_probe) counters_.add(memory::Count::kRedisErrors);
  if (reply == nullptr) {
    return fail(ErrorKind::kUnavailable, "the connection to Redis at {} was lost", server_name());
  }
  if (reply->type != REDIS_REPLY_ERROR) return Reply(reply);
  const std::string_view text(reply->str, static_cast<std::size_t>(reply->len));
  if (text.starts_with("NOSCRIPT")) digests_.clear();
  if (!is_probe) memory::note_fault(health_, server_name(), text);
  const bool full = text.find("OOM command not allowed") != std::string_view::npos;
  return fail(full ? ErrorKind::kFull : ErrorKind::kUnavailable, "Redis: {}", text);
}

void Client::on_reply(redisAsyncContext* context, void* raw_reply, void* raw_pending) noexcept {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(raw_pending));
  Client& self = pending->owner;
  if (self.is_destroyed_) return;
  if (context == self.context_) {
    if (raw_reply == nullptr) {
      self.lost(context->errstr);
    } else if (!self.deadlines_.empty()) {
      self.deadlines_.pop_front();
    }
  }
  auto reply = self.judge(static_cast<const redisReply*>(raw_reply), pending->is_probe);
  if (self.sentinels_ && !reply && reply.error().what.starts_with("Redis: READONLY")) {
    self.reconnect("it is no master any more");
  }
  pending->done(std::move(reply));
}

void Client::on_channel(redisAsyncContext* context, void* raw_reply, void* raw_self) noexcept {
  auto& self = *static_cast<Client*>(raw_self);
  if (raw_reply == nullptr || self.is_destroyed_ || context != self.context_) return;
  const Reply reply(static_cast<const redisReply*>(raw_reply));
  if (reply.size() < 2) return;
  if (reply.at(0).text() == "subscribe" && !self.deadlines_.empty()) self.deadlines_.pop_front();
  // Copied, because a callback may close the connection, which frees the reply.
  self.channels_.receive(std::string(reply.at(0).text()), std::string(reply.at(1).text()));
}

void Client::on_connect(const redisAsyncContext* context, int status) noexcept {
  auto& self = *static_cast<Client*>(context->data);
  if (self.is_destroyed_ || context != self.context_) return;
  if (status == REDIS_OK) return self.greet();
  self.lost(context->errstr);  // hiredis frees the context itself
}

void Client::on_disconnect(const redisAsyncContext* context, int) noexcept {
  auto& self = *static_cast<Client*>(context->data);
  if (self.is_destroyed_ || context != self.context_) return;
  self.lost(context->err != 0 ? context->errstr : "closed");
}

}  // namespace restante::redis
