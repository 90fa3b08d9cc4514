// SPDX-License-Identifier: ISC
// The words that make a number a code, or something else.
#pragma once

#include <cstdint>
#include <string_view>

namespace restante::mimed {

enum class CodeWord : std::uint8_t {
  kOther,
  kStrong,   // "code", "PIN": what follows it is one
  kMedium,   // "verify": speaks of one
  kAgainst,  // "order": what follows it is a number of that
  kLink,     // "is": ties a word and a code
  kUnit,     // "minutes": what is before it is a quantity
};

// `word` is one word of valid UTF-8, in any case.
[[nodiscard]] CodeWord classify_code_word(std::string_view word);

// Whether `neighbour` makes "code" another thing: a postal code, a promo code.
[[nodiscard]] bool spoils_code(std::string_view neighbour);

}  // namespace restante::mimed
