// SPDX-License-Identifier: ISC
#include "shared/base/hex.h"

#include <string_view>

namespace restante {
inline namespace base {

std::string to_hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace base
}  // namespace restante
