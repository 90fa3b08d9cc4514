// SPDX-License-Identifier: ISC
#include "shared/store/redis_watch.h"

#include <chrono>
#include <utility>
#include <vector>

#include "shared/store/keys.h"

namespace restante::store {
namespace {

// Nothing is published on this channel. The connection always subscribes to it, because hiredis
// 0.14 fails an assertion when the last channel is left and another one is subscribed to before
// Redis has replied.
constexpr std::string_view kIdleChannel = "restante";

// A connection that only subscribes does not notice when the other machine disappears. Subscribing
// to the idle channel again makes Redis reply, or the command times out.
constexpr std::chrono::milliseconds kCheck{15'000};

}  // namespace

class RedisWatch::Watching {
 public:
  Watching(RedisWatch& owner, std::string channel, std::function<void()> changed)
      : owner_(owner), channel_(std::move(channel)), changed_(std::move(changed)) {}
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;
  ~Watching() { owner_.leave(channel_); }
  void announce() const { changed_(); }

 private:
  RedisWatch& owner_;
  std::string channel_;
  std::function<void()> changed_;
};

RedisWatch::RedisWatch(event_base* base, redis::Client& redis)
    : redis_(redis), check_(base, [this] { check(); }) {
  check();
}

void RedisWatch::check() {
  redis_.subscribe(kIdleChannel, [] {});
  check_.start(kCheck);
}

std::shared_ptr<void> RedisWatch::watch(std::string_view mailbox, std::function<void()> changed) {
  const std::string channel = inbox_key(mailbox);
  const auto [known, is_first] = channels_.try_emplace(channel);
  auto watching = std::make_shared<Watching>(*this, channel, std::move(changed));
  known->second.push_back(watching);
  if (is_first) redis_.subscribe(channel, [this, channel] { announce(channel); });
  return watching;
}

void RedisWatch::announce(const std::string& channel) {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  // Copied, because a callback may begin or end a watch.
  const std::vector<std::weak_ptr<Watching>> watchers(found->second.begin(), found->second.end());
  for (const auto& weak : watchers) {
    if (const auto watching = weak.lock()) watching->announce();
  }
}

void RedisWatch::leave(const std::string& channel) {
  const auto found = channels_.find(channel);
  std::erase_if(found->second, [](const auto& watching) { return watching.expired(); });
  if (!found->second.empty()) return;
  channels_.erase(found);
  redis_.unsubscribe(channel);
}

}  // namespace restante::store
