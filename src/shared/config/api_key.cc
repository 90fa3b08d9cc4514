// SPDX-License-Identifier: ISC
// How an API key stands in the configuration.
#include "shared/config/api_key.h"

#include <charconv>

namespace restante {

std::optional<KeyHash> parse_key_hash(std::string_view configured) {
  KeyHash hash{};
  if (!is_key_hash(configured)) return {};
  const std::string_view digits = configured.substr(kHashPrefix.size());
  if (digits.size() != 2 * hash.size()) return {};
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const char* const first = digits.data() + 2 * i;
    const auto read = std::from_chars(first, first + 2, hash[i], 16);
    if (read.ec != std::errc() || read.ptr != first + 2) return {};
  }
  return hash;
}

}  // namespace restante
