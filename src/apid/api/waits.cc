// SPDX-License-Identifier: ISC
// Requests that are held until there is something to answer with.
#include "apid/api/waits.h"

#include <fmt/core.h>

#include <utility>

#include "shared/net/event_loop.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAfterFailure{100};  // Redis is away
constexpr std::chrono::seconds kRetryWhenFull{5};

}  // namespace

// One request. It lives while one of its callbacks does: the watch, the timers, or a look.
struct Waits::Held : std::enable_shared_from_this<Waits::Held> {
  Held(event_base* base, Wait wanted, Responder responder, std::shared_ptr<void> its_place)
      : wait(std::move(wanted)),
        respond(std::move(responder)),
        place(std::move(its_place)),
        over(base, [this] { last_look(); }),
        look_again(base, [this] { look(); }) {}

  void look() {
    if (is_over) return;
    if (std::exchange(looking, true)) {
      changed = true;
      return;
    }
    changed = false;
    wait.look([self = shared_from_this()](Looked looked) { self->looked(std::move(looked)); });
  }

  void looked(Looked looked) {
    looking = false;
    if (is_over) return;  // what was found is given back by whoever found it (Receipt)
    const bool is_first = !std::exchange(has_looked, true);
    if (looked.response && (!looked.failed || is_first || is_last)) {
      return finish(*std::move(looked.response));
    }
    if (is_last) return finish(std::move(wait.otherwise));
    if (changed) return look();
    if (looked.failed) looked.again_in = kAfterFailure;
    if (looked.again_in) look_again.start(*looked.again_in);
  }

  // One more, should a message of Redis have been lost.
  void last_look() {
    is_last = true;
    look();
  }

  void finish(Response response) {
    is_over = true;
    over.stop();
    look_again.stop();
    place.reset();
    const std::shared_ptr<Held> self = shared_from_this();
    watch.reset();
    respond(std::move(response));
    own.reset();
  }

  Wait wait;
  Responder respond;
  std::shared_ptr<void> place, watch;
  Timer over, look_again;
  bool looking = false, changed = false, has_looked = false, is_last = false, is_over = false;
  std::shared_ptr<Held> own;  // until it is over
};

Waits::Waits(event_base* base, WatchMailbox watch, WaitLimits limits, Tally tally)
    : base_(base), watch_(std::move(watch)), limits_(limits), tally_(std::move(tally)) {}

std::expected<std::shared_ptr<void>, Response> Waits::take_place(const std::string& key,
                                                                 Count what) {
  if (places_->all >= limits_.all) {
    return std::unexpected(try_later("too many requests are waiting, try again later"));
  }
  std::size_t& of_key = places_->by_key[key];
  if (of_key >= limits_.per_key) {
    return std::unexpected(too_many_requests(
        fmt::format("{} requests with this key are waiting, and more may not", of_key),
        kRetryWhenFull));
  }
  ++places_->all;
  ++of_key;
  // Its last owner may outlive this object.
  struct Place {
    std::shared_ptr<Places> places;
    std::string key;
    Tally tally;
    Count what;
    Place(std::shared_ptr<Places> of, std::string api_key, Tally its_tally, Count as)
        : places(std::move(of)), key(std::move(api_key)), tally(std::move(its_tally)), what(as) {
      tally.add(what);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      tally.remove(what);
      --places->all;
      if (--places->by_key[key] == 0) places->by_key.erase(key);
    }
  };
  return std::make_shared<Place>(places_, key, tally_, what);
}

void Waits::start(Wait wait, const Responder& respond) {
  auto place = take_place(wait.api_key, Count::kApiWaiting);
  if (!place) return respond(std::move(place).error());
  const auto held = std::make_shared<Held>(base_, std::move(wait), respond, *std::move(place));
  held->own = held;
  const std::weak_ptr<Held> weak = held;
  held->over.start(held->wait.time);
  held->watch = watch_(held->wait.mailbox, [weak] {
    if (const auto self = weak.lock()) self->look();
  });
  respond.hold(held->wait.time, [weak] {
    const auto self = weak.lock();
    if (self && !self->is_over) self->finish(std::move(self->wait.otherwise));
  });
  held->look();
}

}  // namespace restante::apid
