// SPDX-License-Identifier: ISC
// Whether a key is one of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace restante::apid {

// The configured keys, laid out so that a comparison takes the same time whatever is offered.
class ApiKeys {
 public:
  explicit ApiKeys(std::span<const std::string> keys);
  [[nodiscard]] bool contains(std::string_view offered) const;

 private:
  using Slot = std::vector<std::uint8_t>;  // the key, zeros, and its length in the last two bytes
  [[nodiscard]] Slot make_slot(std::string_view key) const;
  std::size_t slot_size_;
  std::vector<Slot> slots_;
};

}  // namespace restante::apid
