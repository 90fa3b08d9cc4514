// SPDX-License-Identifier: ISC
// Whether a key is one of ours.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/api_key.h"

namespace restante::apid {

// The configured keys, as hashes, so that a comparison takes the same time whatever is offered.
class ApiKeys {
 public:
  // Each is a key, or a hash as api_key.h has it.
  explicit ApiKeys(std::span<const std::string> configured);
  [[nodiscard]] bool contains(std::string_view offered) const;

 private:
  std::vector<KeyHash> hashes_;
};

}  // namespace restante::apid
