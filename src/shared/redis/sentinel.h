// SPDX-License-Identifier: ISC
// Asks the Sentinels of a Redis, one after another, which server is the master now.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/net/event_loop.h"
#include "shared/redis/client.h"

namespace restante {

class SentinelClient {
 public:
  using Found = std::function<void(Result<RedisAddress::Server>)>;

  SentinelClient(event_base* base, std::vector<RedisAddress::Server> sentinels, std::string master,
                 std::chrono::milliseconds timeout);
  SentinelClient(const SentinelClient&) = delete;
  SentinelClient& operator=(const SentinelClient&) = delete;

  // Calls back once, never from within the call. The Sentinel that answered is the first one that
  // is asked the next time.
  void find(Found found);

 private:
  void ask();
  void hear(const Result<RedisReply>& reply);
  void conclude(Result<RedisAddress::Server> answer);

  event_base* base_;
  std::vector<RedisAddress::Server> sentinels_;
  std::string master_;
  std::chrono::milliseconds timeout_;
  RedisHealth health_{0, 0, 0, 0, 0, 0, 1};  // an outage of a Sentinel is none of Redis
  std::size_t current_ = 0, tried_ = 0;
  Found found_;
  Result<RedisAddress::Server> answer_;
  std::unique_ptr<Redis> redis_;  // to the Sentinel that is asked
  Timer over_;                    // with it: a connection cannot be ended from its own callback
};

}  // namespace restante
