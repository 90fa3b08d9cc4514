// SPDX-License-Identifier: ISC
// Watches how Redis keeps data, and says when that could lose mail.
#include "smtpd/durability_monitor.h"

#include <utility>

#include "shared/base/clock.h"
#include "shared/log/log.h"

namespace restante {
namespace {

using std::chrono::milliseconds;

// While mail is refused, its end is looked for more often.
constexpr milliseconds kLook{400}, kAskEvery{2000};

}  // namespace

RedisGuard::RedisGuard(event_base* base, Redis& redis, RedisHealth& health, bool strict)
    : redis_(redis), health_(health), strict_(strict), next_(base, [this] { tick(); }) {
  redis_.whenever_up([this] {
    knows_ = false;
    ask();
  });
  next_.start(kLook);
}

void RedisGuard::when_settled(std::function<void()> settled) {
  settled_ = std::move(settled);
  redis_.when_settled([this] {
    is_settled_ = true;
    settle();
  });
}

void RedisGuard::settle() {
  if (!is_settled_ || asking_) return;
  if (const auto settled = std::exchange(settled_, nullptr)) settled();
}

StoreState RedisGuard::state() const {
  if (!redis_.available()) return StoreState::kAway;
  if (strict_ && (!knows_ || health_.risks.load() != 0)) return StoreState::kUnsafe;
  return health_.nearly_full.load() != 0 ? StoreState::kFull : StoreState::kReady;
}

// Of all workers the one whose exchange succeeds asks.
void RedisGuard::tick() {
  next_.start(kLook);
  if (!redis_.available() || asking_) return;
  const bool is_refusing = state() != StoreState::kReady;
  const auto now = static_cast<std::uint64_t>(monotonic_now().count());
  std::uint64_t last = health_.asked_at.load();
  const milliseconds since(static_cast<std::int64_t>(now - last));
  if (knows_ && since < (is_refusing ? kLook : kAskEvery)) return;
  if (health_.asked_at.compare_exchange_strong(last, now) || !knows_) ask();
}

void RedisGuard::ask() {
  asking_ = true;
  ask_redis(redis_, [this](const Result<RedisFacts>& facts) {
    asking_ = false;
    answered(facts);
    settle();
  });
}

void RedisGuard::answered(const Result<RedisFacts>& facts) {
  if (!facts) return;  // away, or busy: what was known stands
  const RedisJudgement judgement = judge_redis(*facts, redis_.behind_sentinel());
  knows_ = true;
  health_.nearly_full.store(judgement.nearly_full ? 1 : 0);
  tell(judgement);
  // Who has lost its office does not always cut off its clients.
  if (redis_.behind_sentinel() && (judgement.risks() & bit_of(RedisRisk::kReplica)) != 0) {
    redis_.reconnect("it is no master any more");
  }
}

void RedisGuard::tell(const RedisJudgement& judgement) {
  const RedisRisks now = judgement.risks(), before = health_.risks.exchange(now);
  const std::string place = redis_.server_name();
  for (const RedisFinding& finding : judgement.findings) {
    if ((before & bit_of(finding.risk)) != 0) continue;
    log::warning(finding.risk == RedisRisk::kUnknown ? "redis_unknown" : "redis_unsafe",
                 {{"redis", place},
                  {"problem", risk_name(finding.risk)},
                  {"what", finding.what},
                  {"advice", finding.advice},
                  {"mail", strict_ ? "deferred" : "taken"}});
  }
  if (const RedisRisks gone = before & ~now; gone != 0) {
    log::notice("redis_mended",
                {{"redis", place}, {"problem", risk_names(gone)}, {"left", risk_names(now)}});
  }
}

}  // namespace restante
