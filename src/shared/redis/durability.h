// SPDX-License-Identifier: ISC
// What Redis says of how it keeps data, and what of it could lose mail that was answered 250. The
// workers and `restantectl check` judge by this.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"
#include "shared/redis/client.h"

namespace restante {

// One row each in the table of redis_safety.cc, in this order.
enum class RedisRisk : std::uint8_t {
  kUnknown,    // it does not tell
  kReplica,    // it takes no writes
  kEviction,   // a full Redis throws mail away
  kEvicting,   // and has done so
  kNoLog,      // no append-only file
  kLogLate,    // one that is behind what was confirmed
  kLogFails,   // one that cannot be written
  kNoReplica,  // the master of a Sentinel that takes writes while no replica gets them
};
inline constexpr std::size_t kRedisRisks = 8;

using RedisRisks = std::uint32_t;  // a bit a risk
constexpr RedisRisks bit_of(RedisRisk risk) { return RedisRisks{1} << static_cast<unsigned>(risk); }
[[nodiscard]] std::string_view risk_name(RedisRisk risk);  // in the log, in metrics
[[nodiscard]] std::string risk_names(RedisRisks risks);    // with ", " between them

// Fields of INFO and what CONFIG GET gave, by their names there. What was refused is not in it.
using RedisFacts = std::map<std::string, std::string, std::less<>>;

// One pipelined question. An error: Redis is away or too busy to say, which says nothing of how it
// keeps data.
void ask_redis(Redis& redis, std::function<void(Result<RedisFacts>)> done);

struct RedisFinding {
  RedisRisk risk;
  bool loses;          // rather than: might, one day
  std::string what;    // "appendonly is no: …"
  std::string advice;  // what to change
};

struct RedisJudgement {
  std::vector<RedisFinding> findings;
  std::vector<std::string> good;  // what is as it should be
  bool nearly_full = false;       // more than nine tenths of maxmemory are used

  [[nodiscard]] RedisRisks risks() const;
};

[[nodiscard]] RedisJudgement judge_redis(const RedisFacts& facts, bool behind_sentinel);

}  // namespace restante
