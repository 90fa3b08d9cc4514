// SPDX-License-Identifier: ISC
#include "shared/store/frame_cache.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <utility>

#include "shared/mail/message.h"

namespace restante::store {
namespace {

// At most 4 MiB together. A frame may be in each slot of its set.
constexpr std::size_t kSlots = 256, kSet = 4, kLargest = 16 * 1024;
constexpr std::chrono::minutes kKept{1};

}  // namespace

FrameCache::FrameCache(event_base* base) : idle_(base, [this] { forget(); }) {}

const MailHead& FrameCache::read(std::string_view frame) {
  is_used_ = true;
  if (!frames_) {
    frames_.emplace();
    slots_.resize(kSlots);
    idle_.start(kKept);
  }
  const std::size_t number = std::hash<std::string_view>()(frame) % (kSlots / kSet);
  const std::span<Slot> set = std::span(slots_).subspan(number * kSet, kSet);
  const auto found = std::ranges::find(set, frame, &Slot::frame);
  if (found != set.end() && !frame.empty()) {
    std::rotate(set.begin(), found, found + 1);  // the last gives way to a new one
    return set.front().head;
  }
  auto head = frames_->head(frame);
  if (!head)
    head = MailHead{.bodies = mail::make_fragments({.parse_error = true}).bodies, .details = {}};
  if (frame.size() + head->bodies.size() + head->details.size() > kLargest) {
    large_ = *std::move(head);
    return large_;
  }
  set.back() = {.frame = std::string(frame), .head = *std::move(head)};
  std::rotate(set.begin(), set.end() - 1, set.end());
  return set.front().head;
}

void FrameCache::forget() {
  if (std::exchange(is_used_, false)) return idle_.start(kKept);
  frames_.reset();
  std::vector<Slot>().swap(slots_);
  large_ = {};
}

}  // namespace restante::store
