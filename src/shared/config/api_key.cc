// SPDX-License-Identifier: ISC
#include "shared/config/api_key.h"

#include "shared/base/hex.h"

namespace restante::config {

std::optional<KeyHash> parse_key_hash(std::string_view configured) {
  KeyHash hash{};
  if (!is_key_hash(configured)) return {};
  const std::string_view digits = configured.substr(kHashPrefix.size());
  if (digits.size() != 2 * hash.size()) return {};
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int byte = hex_byte(digits[2 * i], digits[2 * i + 1]);
    if (byte < 0) return {};
    hash[i] = static_cast<std::uint8_t>(byte);
  }
  return hash;
}

}  // namespace restante::config
