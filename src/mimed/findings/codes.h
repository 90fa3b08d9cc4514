// SPDX-License-Identifier: ISC
// What a person would read in a mail as the code to sign up or log in with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace restante::mimed {

inline constexpr std::size_t kCodeLimit = 10;

// Best first. A code is a run of 4 to 8 digits, perhaps in two halves (`123-456` and `123 456` are
// given out as 123456), one by one in cells, or behind a letter (of `G-123456` the digits); or 5 to
// 10 upper-case letters and digits with a digit among them; or, tied to such a word, two groups of
// 3 to 5 of them with a hyphen (`FZP-4HM`). It counts by the words near it (code, PIN, password, …
// in English, German, French and Spanish), by how it is tied to them (`is`, a colon), and when it
// stands alone on a line. Years, prices, dates, colours and numbers of orders count only when tied
// to such a word; phone numbers and the insides of URLs and addresses never. Both are valid UTF-8.
// Linear.
[[nodiscard]] std::vector<std::string> find_codes(std::string_view subject, std::string_view text);

}  // namespace restante::mimed
