// SPDX-License-Identifier: ISC
// Hexadecimal digits: RFC 4648 section 8.
#pragma once

#include <span>
#include <string>

namespace restante {
inline namespace base {

// The value of a digit of either case, or -1.
[[nodiscard]] constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that two digits stand for, or -1.
[[nodiscard]] constexpr int hex_byte(char first, char second) {
  const int high = hex_value(first), low = hex_value(second);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Two digits a byte, in lower case.
[[nodiscard]] std::string to_hex(std::span<const unsigned char> bytes);

}  // namespace base
}  // namespace restante
