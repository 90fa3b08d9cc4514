// SPDX-License-Identifier: ISC
#include "apid/http/event_stream.h"

#include <algorithm>
#include <utility>

namespace restante::apid {

bool EventStream::write(std::string_view text) {
  if (has_ended_) return false;
  if (pending_.size() + text.size() > kLimit) {
    pending_.clear();
    end();
    return false;
  }
  pending_ += text;
  if (wake_) wake_();
  return true;
}

std::size_t EventStream::read(std::span<char> room) {
  const std::size_t size = std::min(room.size(), pending_.size());
  pending_.copy(room.data(), size);
  pending_.erase(0, size);
  if (size > 0 && pending_.empty() && drained_) drained_();
  return size;
}

void EventStream::end() {
  if (std::exchange(has_ended_, true)) return;
  if (ended_) std::exchange(ended_, nullptr)();
  if (wake_) wake_();
}

}  // namespace restante::apid
