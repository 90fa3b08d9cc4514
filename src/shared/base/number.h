// SPDX-License-Identifier: ISC
// Numbers in texts: the whole of a text is one number, or it is not a number.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace restante {
inline namespace base {

// Digits of `base` alone, for a signed type with a "-" before them: no blanks, no "+". Nothing when
// `text` is anything else, or the number does not fit into T.
template <class T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text, int base = 10) {
  T number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace base
}  // namespace restante
