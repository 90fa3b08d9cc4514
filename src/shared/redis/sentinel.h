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

namespace restante::redis {

class Sentinel {
 public:
  using Found = std::function<void(Result<config::RedisAddress::Server>)>;

  Sentinel(event_base* base, std::vector<config::RedisAddress::Server> sentinels,
           std::string master, std::chrono::milliseconds timeout);
  Sentinel(const Sentinel&) = delete;
  Sentinel& operator=(const Sentinel&) = delete;

  // Calls `found` once, after find() has returned. kUnavailable: no Sentinel replied, or one does
  // not have the master. The next find() begins with the Sentinel that replied. `found` must not
  // destroy the object.
  void find(Found found);

 private:
  void ask();
  void receive(const Result<Reply>& reply);
  void conclude(Result<config::RedisAddress::Server> answer);

  event_base* base_;
  std::vector<config::RedisAddress::Server> sentinels_;
  std::string master_;
  std::chrono::milliseconds timeout_;
  memory::RedisOutage health_{.is_private = 1};  // an outage of a Sentinel is not one of Redis
  std::size_t current_ = 0, tried_ = 0;
  Found found_;
  Result<config::RedisAddress::Server> answer_;
  std::unique_ptr<Client> redis_;  // the connection to the Sentinel being asked
  net::Timer over_;                // ends it: a Redis cannot be destroyed in its own callback
};

}  // namespace restante::redis
