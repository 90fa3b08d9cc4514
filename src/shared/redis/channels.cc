// SPDX-License-Identifier: ISC
#include "shared/redis/channels.h"

#include <utility>

namespace restante::redis {

void Channels::subscribe(std::string_view name, std::function<void()> changed) {
  Channel& channel = channels_[std::string(name)];
  const bool is_being_left = channel.is_known && !channel.changed;
  channel.changed = std::move(changed);
  if (!is_being_left) request(name, channel);
}

void Channels::unsubscribe(std::string_view name) {
  const auto found = channels_.find(name);
  if (found == channels_.end()) return;
  found->second.changed = nullptr;
  if (found->second.is_known) {
    send_("UNSUBSCRIBE", name);
  } else {
    channels_.erase(found);
  }
}

void Channels::receive(std::string_view kind, std::string_view name) {
  const auto found = channels_.find(name);
  if (found == channels_.end()) return;
  Channel& channel = found->second;
  if (kind == "unsubscribe") {
    channel.is_known = false;
    if (!channel.changed) {
      channels_.erase(found);
    } else {
      request(name, channel);
    }
  } else if (const auto changed = channel.changed) {
    changed();  // may end the subscription
  }
}

void Channels::connected() {
  for (auto& [name, channel] : channels_) request(name, channel);
}

void Channels::disconnected() {
  std::erase_if(channels_, [](const auto& one) { return !one.second.changed; });
  for (auto& [name, channel] : channels_) channel.is_known = false;
}

void Channels::request(std::string_view name, Channel& channel) {
  channel.is_known = send_("SUBSCRIBE", name);
}

}  // namespace restante::redis
