// SPDX-License-Identifier: ISC
// What the RedisReader and the RedisClaims of a process share. The process owns it; it must outlive
// both of them, and `redis` must outlive it.
#pragma once

#include <chrono>

#include "shared/redis/client.h"
#include "shared/store/frame_cache.h"
#include "shared/store/read_budget.h"

namespace restante::store {

struct ReadResources {
  redis::Client& redis;
  std::chrono::milliseconds retention;  // older mail is not returned
  FrameCache frames;
  // A list keeps its reservation in `lists` while it waits for `bodies`. Never wait for `lists`
  // with a reservation in `bodies`: that could block both for ever.
  ReadBudget lists{64 * 1024 * 1024}, bodies{64 * 1024 * 1024};
};

}  // namespace restante::store
