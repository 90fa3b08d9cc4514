// SPDX-License-Identifier: ISC
#include "shared/store/frame_cache.h"

#include <chrono>
#include <functional>
#include <utility>

#include "shared/mail/message.h"

namespace restante::store {
namespace {

// At most 4 MiB together.
constexpr std::size_t kSlots = 256, kLargest = 16 * 1024;
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
  // A frame simply replaces another one that has the same slot.
  Slot& slot = slots_[std::hash<std::string_view>()(frame) % kSlots];
  if (!slot.frame.empty() && slot.frame == frame) return slot.head;
  auto head = frames_->head(frame);
  if (!head)
    head = MailHead{.bodies = mail::make_fragments({.parse_error = true}).bodies, .details = {}};
  if (frame.size() + head->bodies.size() + head->details.size() > kLargest) {
    large_ = *std::move(head);
    return large_;
  }
  slot = {.frame = std::string(frame), .head = *std::move(head)};
  return slot.head;
}

void FrameCache::forget() {
  if (std::exchange(is_used_, false)) return idle_.start(kKept);
  frames_.reset();
  std::vector<Slot>().swap(slots_);
  large_ = {};
}

}  // namespace restante::store
