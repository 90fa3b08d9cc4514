// SPDX-License-Identifier: ISC
// The configured API keys, and the constant-time comparison with an offered one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/api_key.h"

namespace restante::apid {

// A configured key that a client has offered.
struct KnownKey {
  std::string fingerprint;  // the first 8 hexadecimal digits of its SHA-256: tells keys apart
  bool is_strong;           // config::kStrongKey characters or more
};

// Keeps SHA-256 hashes of the keys. find() takes the same time for every offered key of one
// length (tests/attacks/key_timing.cc measures it).
class ApiKeys {
 public:
  // Each element is a key or the hash of one (config/api_key.h).
  explicit ApiKeys(std::span<const std::string> configured);
  // Nothing if `offered` is not one of the keys.
  [[nodiscard]] std::optional<KnownKey> find(std::string_view offered) const;

 private:
  std::vector<config::KeyHash> hashes_;
};

}  // namespace restante::apid
