// SPDX-License-Identifier: ISC
// How durably a Redis stores data: reads its settings, and finds those with which mail could be
// lost after it was answered with 250. smtpd and `restantectl check` use it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"
#include "shared/redis/client.h"

namespace restante::redis {

// Each has a row in the table of durability.cc, in this order.
enum class Risk : std::uint8_t {
  kUnknown,    // its settings cannot be read
  kReplica,    // it accepts no writes
  kEviction,   // it deletes mail when it is full
  kEvicting,   // it has done so
  kNoLog,      // it has no append-only file
  kLogLate,    // it confirms writes before they are in the append-only file
  kLogFails,   // the append-only file cannot be written
  kNoReplica,  // behind Sentinels: it accepts writes that no replica receives
  kNoLimit,    // it has no maxmemory: mail can fill the machine, and the kernel kills something
};
inline constexpr std::size_t kRisks = 9;

using Risks = std::uint32_t;  // a bit for each risk
constexpr Risks bit_of(Risk risk) { return Risks{1} << static_cast<unsigned>(risk); }
// Of these, those for which `redis_strict` has mail deferred: what was answered with 250 could be
// lost. Without a maxmemory only the service is at risk.
constexpr Risks losing(Risks risks) { return risks & ~bit_of(Risk::kNoLimit); }
[[nodiscard]] std::string_view risk_name(Risk risk);  // as in the log and in metrics
[[nodiscard]] std::string risk_names(Risks risks);    // joined by ", "

// Fields of INFO and settings of CONFIG GET, by name; without those that Redis refused.
using Facts = std::map<std::string, std::string, std::less<>>;

// Asks for the facts, in one round trip. kUnavailable: Redis is away or busy; its settings are not
// known then, and may be good.
void ask_facts(Client& redis, std::function<void(Result<Facts>)> done);

struct Finding {
  Risk risk;
  bool loses;          // mail is lost; false: it could be, under further conditions
  std::string what;    // "appendonly is no: …"
  std::string advice;  // what to change
};

struct Judgement {
  std::vector<Finding> findings;
  std::vector<std::string> good;   // settings that are right, as texts
  std::uint64_t memory_limit = 0;  // maxmemory in bytes; 0: there is none
  bool nearly_full = false;        // more than nine tenths of maxmemory are in use

  [[nodiscard]] Risks risks() const;
};

[[nodiscard]] Judgement judge(const Facts& facts, bool behind_sentinel);

}  // namespace restante::redis
