// SPDX-License-Identifier: ISC
// A list of watchers for each channel that somebody waits for.
#include "shared/store/watch.h"

#include <chrono>
#include <utility>
#include <vector>

#include "shared/store/entry.h"

namespace restante {
namespace {

// Nothing is published here. hiredis 0.14 fails an assertion when its last channel is left and
// another one is subscribed to before Redis has answered: so there is always one more.
constexpr std::string_view kIdleChannel = "restante";

// A connection that only listens does not notice that nobody speaks any more, as when the other
// machine is gone without a word. So it is asked something now and then: that channel again.
constexpr std::chrono::milliseconds kCheck{15'000};

}  // namespace

class MailWatch::Watching {
 public:
  Watching(MailWatch& owner, std::string channel, std::function<void()> changed)
      : owner_(owner), channel_(std::move(channel)), changed_(std::move(changed)) {}
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;
  ~Watching() { owner_.leave(channel_); }
  void tell() const { changed_(); }

 private:
  MailWatch& owner_;
  std::string channel_;
  std::function<void()> changed_;
};

MailWatch::MailWatch(event_base* base, Redis& redis)
    : redis_(redis), check_(base, [this] { check(); }) {
  check();
}

void MailWatch::check() {
  redis_.subscribe(kIdleChannel, [] {});
  check_.start(kCheck);
}

std::shared_ptr<void> MailWatch::watch(std::string_view mailbox, std::function<void()> changed) {
  const std::string channel = inbox_key(mailbox);
  const auto [known, is_first] = channels_.try_emplace(channel);
  auto watching = std::make_shared<Watching>(*this, channel, std::move(changed));
  known->second.push_back(watching);
  if (is_first) redis_.subscribe(channel, [this, channel] { tell(channel); });
  return watching;
}

void MailWatch::tell(const std::string& channel) {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  // A copy, since those who are told come and go.
  const std::vector<std::weak_ptr<Watching>> told(found->second.begin(), found->second.end());
  for (const auto& weak : told) {
    if (const auto watching = weak.lock()) watching->tell();
  }
}

void MailWatch::leave(const std::string& channel) {
  const auto found = channels_.find(channel);
  std::erase_if(found->second, [](const auto& watching) { return watching.expired(); });
  if (!found->second.empty()) return;
  channels_.erase(found);
  redis_.unsubscribe(channel);
}

}  // namespace restante
