// SPDX-License-Identifier: ISC
// Asks the Sentinels of a Redis, one after another, for the address of the current master.
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

  // Calls `found` once, after find() has returned. kUnavailable: no Sentinel replied, or one does
  // not have the master. The next find() begins with the Sentinel that replied. `found` must not
  // destroy the object.
  void find(Found found);

 private:
  void ask();
  void receive(const Result<RedisReply>& reply);
  void conclude(Result<RedisAddress::Server> answer);

  event_base* base_;
  std::vector<RedisAddress::Server> sentinels_;
  std::string master_;
  std::chrono::milliseconds timeout_;
  RedisHealth health_{.is_private = 1};  // an outage of a Sentinel is not one of Redis
  std::size_t current_ = 0, tried_ = 0;
  Found found_;
  Result<RedisAddress::Server> answer_;
  std::unique_ptr<Redis> redis_;  // the connection to the Sentinel being asked
  Timer over_;                    // ends it: a Redis cannot be destroyed in its own callback
};

}  // namespace restante
