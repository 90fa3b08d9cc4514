// SPDX-License-Identifier: ISC
#include "smtpd/durability_monitor.h"

#include <utility>

#include "shared/base/clock.h"
#include "shared/log/log.h"

namespace restante::smtpd {
namespace {

using std::chrono::milliseconds;

// Redis is asked every two seconds, and every 400 ms while mail is refused.
constexpr milliseconds kTick{400}, kAskEvery{2000};

}  // namespace

DurabilityMonitor::DurabilityMonitor(event_base* base, redis::Client& redis,
                                     memory::RedisOutage& health, bool strict)
    : redis_(redis), health_(health), strict_(strict), next_(base, [this] { tick(); }) {
  redis_.whenever_up([this] {
    is_known_ = false;
    ask();
  });
  next_.start(kTick);
}

void DurabilityMonitor::when_settled(std::function<void()> settled) {
  settled_ = std::move(settled);
  redis_.when_settled([this] {
    is_settled_ = true;
    settle();
  });
}

void DurabilityMonitor::settle() {
  if (!is_settled_ || is_asking_) return;
  if (const auto settled = std::exchange(settled_, nullptr)) settled();
}

StoreState DurabilityMonitor::state() const {
  if (!redis_.available()) return StoreState::kAway;
  if (strict_ && (!is_known_ || redis::losing(health_.risks.load()) != 0)) {
    return StoreState::kUnsafe;
  }
  return health_.nearly_full.load() != 0 ? StoreState::kFull : StoreState::kReady;
}

// Every worker gets here; the one whose exchange succeeds asks.
void DurabilityMonitor::tick() {
  next_.start(kTick);
  if (!redis_.available() || is_asking_) return;
  const bool is_refusing = state() != StoreState::kReady;
  const auto now = static_cast<std::uint64_t>(monotonic_now().count());
  std::uint64_t last = health_.asked_at.load();
  const milliseconds since(static_cast<std::int64_t>(now - last));
  if (is_known_ && since < (is_refusing ? kTick : kAskEvery)) return;
  if (health_.asked_at.compare_exchange_strong(last, now) || !is_known_) ask();
}

void DurabilityMonitor::ask() {
  is_asking_ = true;
  redis::ask_facts(redis_, [this](const Result<redis::Facts>& facts) {
    is_asking_ = false;
    receive(facts);
    settle();
  });
}

void DurabilityMonitor::receive(const Result<redis::Facts>& facts) {
  if (!facts) return;  // Redis is away or busy: the state stays as it was
  const redis::Judgement judgement = redis::judge(*facts, redis_.behind_sentinel());
  is_known_ = true;
  health_.nearly_full.store(judgement.nearly_full ? 1 : 0);
  health_.memory_limit.store(judgement.memory_limit);
  log_changes(judgement);
  // A demoted master does not always close its client connections.
  if (redis_.behind_sentinel() && (judgement.risks() & bit_of(redis::Risk::kReplica)) != 0) {
    redis_.reconnect("it is no master any more");
  }
}

void DurabilityMonitor::log_changes(const redis::Judgement& judgement) {
  const redis::Risks now = judgement.risks(), before = health_.risks.exchange(now);
  const std::string server = redis_.server_name();
  for (const redis::Finding& finding : judgement.findings) {
    if ((before & bit_of(finding.risk)) != 0) continue;
    log::warning(
        finding.risk == redis::Risk::kUnknown ? "redis_unknown" : "redis_unsafe",
        {{"redis", server},
         {"problem", redis::risk_name(finding.risk)},
         {"what", finding.what},
         {"advice", finding.advice},
         {"mail", strict_ && redis::losing(bit_of(finding.risk)) != 0 ? "deferred" : "taken"}});
  }
  if (const redis::Risks gone = before & ~now; gone != 0) {
    log::notice("redis_mended", {{"redis", server},
                                 {"problem", redis::risk_names(gone)},
                                 {"left", redis::risk_names(now)}});
  }
}

}  // namespace restante::smtpd
