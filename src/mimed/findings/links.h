// SPDX-License-Identifier: ISC
// Where a mail leads: the links of its bodies.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "shared/mail/message.h"

namespace restante::mimed {

inline constexpr std::size_t kLinkLimit = 200;
inline constexpr std::size_t kUrlLimit = 2048;      // bytes; a longer one is left out
inline constexpr std::size_t kLinkTextLimit = 512;  // bytes; a longer one is cut

// The http, https and mailto links of <a href> in `html` in their order, with their text; then the
// URLs that stand in `text`, without one. Each URL once, with the first text that there is for it.
// Both are valid UTF-8 without NUL, and so is what comes out. Linear.
[[nodiscard]] std::vector<mail::Link> find_links(std::string_view html, std::string_view text);

}  // namespace restante::mimed
