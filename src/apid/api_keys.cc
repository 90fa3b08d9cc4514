// SPDX-License-Identifier: ISC
// Whether a key is one of ours, in constant time.
#include "apid/api_keys.h"

#include <algorithm>

namespace restante::apid {

ApiKeys::ApiKeys(std::span<const std::string> keys) : slot_size_(64) {
  for (const std::string& key : keys) slot_size_ = std::max(slot_size_, key.size() + 2);
  for (const std::string& key : keys) slots_.push_back(make_slot(key));
}

ApiKeys::Slot ApiKeys::make_slot(std::string_view key) const {
  Slot slot(slot_size_, 0);
  const std::size_t kept = std::min(key.size(), slot_size_ - 2);
  std::copy_n(key.begin(), kept, slot.begin());
  slot[slot_size_ - 2] = static_cast<std::uint8_t>(key.size() >> 8);
  slot[slot_size_ - 1] = static_cast<std::uint8_t>(key.size());
  return slot;
}

bool ApiKeys::contains(std::string_view offered) const {
  if (offered.empty() || offered.size() > 0xffff) return false;
  const Slot slot = make_slot(offered);
  unsigned found = 0;
  for (const Slot& key : slots_) {
    unsigned difference = 0;
    for (std::size_t i = 0; i < slot_size_; ++i) {
      difference |= static_cast<unsigned>(slot[i] ^ key[i]);
    }
    // Hides the value from the optimizer, which could else leave as soon as the answer is known.
    __asm__ volatile("" : "+r"(difference));
    found |= (difference - 1U) >> 31;  // 1 where the difference is 0
  }
  return found != 0;
}

}  // namespace restante::apid
