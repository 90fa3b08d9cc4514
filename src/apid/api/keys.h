// SPDX-License-Identifier: ISC
// The configured API keys, and the constant-time comparison with an offered one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/api_key.h"

namespace restante::apid {

// Keeps SHA-256 hashes of the keys. contains() takes the same time for every offered key of one
// length (tests/attacks/key_timing.cc measures it).
class ApiKeys {
 public:
  // Each element is a key or the hash of one (config/api_key.h).
  explicit ApiKeys(std::span<const std::string> configured);
  [[nodiscard]] bool contains(std::string_view offered) const;

 private:
  std::vector<config::KeyHash> hashes_;
};

}  // namespace restante::apid
