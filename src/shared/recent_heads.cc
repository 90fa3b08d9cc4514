// SPDX-License-Identifier: ISC
#include "shared/recent_heads.h"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>

#include "shared/message.h"

namespace restante {
namespace {

// At most 4 MiB together.
constexpr std::size_t kSlots = 256, kLargest = 16 * 1024;
constexpr std::chrono::minutes kKept{1};

// Frames differ most at their end. Two that share a slot only take it from each other.
std::size_t slot_of(std::string_view frame) {
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15U;  // 2^64 divided by the golden ratio
  std::uint64_t tail = 0;
  if (frame.size() < sizeof tail) return 0;
  std::memcpy(&tail, frame.data() + frame.size() - sizeof tail, sizeof tail);
  return ((tail ^ frame.size()) * kMultiplier >> 32U) % kSlots;
}

}  // namespace

RecentHeads::RecentHeads(event_base* base) : idle_(base, [this] { forget(); }) {}

const MailHead& RecentHeads::read(std::string_view frame) {
  is_used_ = true;
  if (!frames_) {
    frames_.emplace();
    slots_.resize(kSlots);
    idle_.start(kKept);
  }
  Slot& slot = slots_[slot_of(frame)];
  if (!slot.frame.empty() && slot.frame == frame) return slot.head;
  auto head = frames_->head(frame);
  if (!head) head = MailHead{.bodies = make_fragments({.parse_error = true}).bodies, .details = {}};
  if (frame.size() + head->bodies.size() + head->details.size() > kLargest) {
    large_ = *std::move(head);
    return large_;
  }
  slot = {.frame = std::string(frame), .head = *std::move(head)};
  return slot.head;
}

void RecentHeads::forget() {
  if (std::exchange(is_used_, false)) return idle_.start(kKept);
  frames_.reset();
  std::vector<Slot>().swap(slots_);
  large_ = {};
}

}  // namespace restante
