// SPDX-License-Identifier: ISC
// The Watch of a worker: all its watchers share one connection to Redis that only subscribes.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "shared/net/event_loop.h"
#include "shared/redis/client.h"
#include "shared/store/watch.h"

namespace restante::store {

class RedisWatch : public Watch {
 public:
  // `redis` is used for nothing else and must outlive the object.
  RedisWatch(event_base* base, redis::Client& redis);
  RedisWatch(const RedisWatch&) = delete;
  RedisWatch& operator=(const RedisWatch&) = delete;

  [[nodiscard]] std::shared_ptr<void> watch(std::string_view mailbox,
                                            std::function<void()> changed) override;

 private:
  class Watching;
  void announce(const std::string& channel);
  void leave(const std::string& channel);
  void check();

  redis::Client& redis_;
  std::map<std::string, std::list<std::weak_ptr<Watching>>> channels_;  // those being watched
  net::Timer check_;
};

}  // namespace restante::store
