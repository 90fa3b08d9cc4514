// SPDX-License-Identifier: ISC
#include "apid/api/waits.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "shared/net/event_loop.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRetryAfterFailure{100};  // while Redis is away
constexpr std::chrono::seconds kRetryWhenFull{5};

}  // namespace

// One request. It lives while one of its callbacks does: the watch, the timers, or an attempt.
struct Waits::Held : std::enable_shared_from_this<Waits::Held> {
  Held(event_base* base, Wait& wait, Responder responder, std::shared_ptr<void> its_reservation)
      : attempt(std::move(wait.attempt)),
        otherwise(wait.otherwise),
        respond(std::move(responder)),
        reservation(std::move(its_reservation)),
        over(base, [this] { try_last_time(); }),
        retry(base, [this] { try_now(); }) {}

  void try_now() {
    if (is_over) return;
    if (std::exchange(trying, true)) {
      changed = true;
      return;
    }
    changed = false;
    attempt([self = shared_from_this()](Outcome outcome) { self->tried(std::move(outcome)); });
  }

  void tried(Outcome outcome) {
    trying = false;
    if (is_over) return;  // the receipt of the response releases what the attempt has claimed
    const bool is_first = !std::exchange(has_tried, true);
    if (outcome.response && (!outcome.failed || is_first || is_last)) {
      return finish(*std::move(outcome.response));
    }
    if (is_last) return finish(otherwise());
    if (changed) return try_now();
    if (outcome.failed) outcome.retry_in = kRetryAfterFailure;
    if (outcome.retry_in) retry.start(*outcome.retry_in);
  }

  // Redis may have lost a notification, so there is one more attempt when the time is over.
  void try_last_time() {
    is_last = true;
    try_now();
  }

  void finish(Response response) {
    is_over = true;
    over.stop();
    retry.stop();
    reservation.reset();
    const std::shared_ptr<Held> self = shared_from_this();
    watch.reset();
    respond(std::move(response));
    own.reset();
  }

  Attempt attempt;
  Response (*otherwise)();
  Responder respond;
  std::shared_ptr<void> reservation, watch;
  net::Timer over, retry;
  bool trying = false, changed = false, has_tried = false, is_last = false, is_over = false;
  std::shared_ptr<Held> own;  // until it is over
};

WaitLimits wait_limits(const config::Config& config) {
  const std::uint64_t port = std::max<std::uint64_t>(config.api_connection_limit * 3 / 4, 1);
  const std::uint64_t all = std::min(config.wait_limit, port);
  return {.all = all,
          .per_key = std::min(config.wait_key_limit, std::max<std::uint64_t>(port / 2, 1))};
}

Waits::Waits(event_base* base, store::Watch& watch, WaitLimits limits, memory::Counters counters)
    : base_(base), watch_(watch), limits_(limits), counters_(std::move(counters)) {}

std::expected<std::shared_ptr<void>, Response> Waits::reserve(std::string_view api_key,
                                                              memory::Count gauge) {
  if (reserved_->all >= limits_.all) {
    return std::unexpected(try_later("too many requests are waiting, try again later"));
  }
  std::string key(api_key);
  std::size_t& of_key = reserved_->by_key[key];
  if (of_key >= limits_.per_key) {
    return std::unexpected(too_many_requests(
        fmt::format("{} requests with this key are waiting, and more may not", of_key),
        kRetryWhenFull));
  }
  ++reserved_->all;
  ++of_key;
  counters_.add(gauge);
  const auto release = [reserved = reserved_, key = std::move(key), counters = counters_,
                        gauge](void*) {
    counters.remove(gauge);
    --reserved->all;
    if (--reserved->by_key[key] == 0) reserved->by_key.erase(key);
  };
  return std::shared_ptr<void>(nullptr, release);
}

void Waits::start(Wait wait, const Responder& respond) {
  if (wait.time.count() == 0) {
    return wait.attempt([respond, otherwise = wait.otherwise](Outcome outcome) {
      respond(outcome.response ? *std::move(outcome.response) : otherwise());
    });
  }
  auto reservation = reserve(wait.api_key, memory::Count::kApiWaiting);
  if (!reservation) return respond(std::move(reservation).error());
  const auto held = std::make_shared<Held>(base_, wait, respond, *std::move(reservation));
  held->own = held;
  const std::weak_ptr<Held> weak = held;
  held->over.start(wait.time);
  held->watch = watch_.watch(wait.mailbox, [weak] {
    if (const auto self = weak.lock()) self->try_now();
  });
  respond.hold(wait.time, [weak] {
    const auto self = weak.lock();
    if (self && !self->is_over) self->finish(self->otherwise());
  });
  held->try_now();
}

}  // namespace restante::apid
