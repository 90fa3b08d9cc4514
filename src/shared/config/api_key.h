// SPDX-License-Identifier: ISC
// How an API key stands in the configuration: itself, or as its hash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace restante::config {

inline constexpr std::string_view kHashPrefix = "sha256:";
using KeyHash = std::array<std::uint8_t, 32>;  // SHA-256. A key is random, so there is no salt.

// Characters of a strong key. A random key of so many base64 or hexadecimal digits has at least
// 88 bits, which nobody guesses over a network.
inline constexpr std::size_t kStrongKey = 22;

[[nodiscard]] constexpr bool is_key_hash(std::string_view configured) {
  return configured.starts_with(kHashPrefix);
}

// Of `sha256:` and 64 hexadecimal digits; nothing for any other text.
[[nodiscard]] std::optional<KeyHash> parse_key_hash(std::string_view configured);

}  // namespace restante::config
