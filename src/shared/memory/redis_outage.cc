// SPDX-License-Identifier: ISC
#include "shared/memory/redis_outage.h"

#include <functional>

#include "shared/base/clock.h"
#include "shared/log/log.h"

namespace restante::memory {
namespace {

constexpr std::uint64_t kForgottenAfter = 60'000;  // ms

}  // namespace

void note_lost(RedisOutage& health, std::string_view place, std::string_view reason) {
  if (health.is_private.load() != 0 || health.away.exchange(1) != 0) return;
  log::error("redis_lost", {{"redis", place}, {"reason", reason}});
}

void note_back(RedisOutage& health, std::string_view place) {
  if (health.is_private.load() == 0 && health.away.exchange(0) != 0)
    log::notice("redis_back", {{"redis", place}});
}

// Redis' first word is the kind, and a kind a bit, so that two kinds by turns are two lines.
void note_fault(RedisOutage& health, std::string_view place, std::string_view reply) {
  if (health.is_private.load() != 0) return;
  const auto hash = std::hash<std::string_view>{}(reply.substr(0, reply.find(' ')));
  const std::uint32_t kind = std::uint32_t{1} << (hash % 32);
  const auto now = static_cast<std::uint64_t>(monotonic_now().count());
  if (now - health.fault_at.exchange(now) >= kForgottenAfter) health.fault.store(0);
  if ((health.fault.fetch_or(kind) & kind) != 0) return;
  log::warning("redis_error", {{"redis", place}, {"reply", reply}});
}

void note_works(RedisOutage& health, std::string_view place) {
  if (health.fault.load() == 0 || health.fault.exchange(0) == 0) return;
  log::notice("redis_works", {{"redis", place}});
}

}  // namespace restante::memory
