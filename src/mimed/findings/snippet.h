// SPDX-License-Identifier: ISC
// The line by which a mail is known in a list.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace restante::mimed {

inline constexpr std::size_t kSnippetCharacters = 120;

// The first characters of a text, white space folded to one space each. All is valid UTF-8.
[[nodiscard]] std::string make_snippet(std::string_view text);

}  // namespace restante::mimed
