// SPDX-License-Identifier: ISC
#include "shared/redis/sentinel.h"

#include <utility>

#include "shared/base/number.h"

namespace restante::redis {

using Server = config::RedisAddress::Server;

Sentinel::Sentinel(event_base* base, std::vector<Server> sentinels, std::string master,
                   std::chrono::milliseconds timeout)
    : base_(base),
      sentinels_(std::move(sentinels)),
      master_(std::move(master)),
      timeout_(timeout),
      over_(base, [this] {
        redis_.reset();
        const bool is_last = ++tried_ >= sentinels_.size();
        if (!answer_ && !is_last) {
          current_ = (current_ + 1) % sentinels_.size();
          return ask();
        }
        std::exchange(found_, nullptr)(std::move(answer_));
      }) {}

void Sentinel::find(Found found) {
  found_ = std::move(found);
  tried_ = 0;
  ask();
}

void Sentinel::ask() {
  config::RedisAddress address;
  address.host = sentinels_[current_].host;
  address.port = sentinels_[current_].port;
  redis_ = std::make_unique<Client>(base_, std::move(address), timeout_, health_);
  redis_->when_settled([this] {
    if (!redis_->available()) {
      return conclude(fail(ErrorKind::kUnavailable, "no Sentinel answers, {} being the last asked",
                           redis_->server_name()));
    }
    redis_->probe({"SENTINEL", "get-master-addr-by-name", master_},
                  [this](const Result<Reply>& reply) { receive(reply); });
  });
}

void Sentinel::receive(const Result<Reply>& reply) {
  if (!reply) return conclude(std::unexpected(reply.error()));
  Server server;
  if (reply->size() == 2) {
    const auto port = parse_number<std::uint16_t>(reply->at(1).text());
    server = {.host = std::string(reply->at(0).text()), .port = port.value_or(0)};
    if (port && !server.host.empty()) return conclude(std::move(server));
  }
  conclude(fail(ErrorKind::kUnavailable, "the Sentinel at {} knows no master {}",
                redis_->server_name(), master_));
}

void Sentinel::conclude(Result<Server> answer) {
  if (over_.running()) return;
  answer_ = std::move(answer);
  over_.start(std::chrono::milliseconds(0));
}

}  // namespace restante::redis
