// SPDX-License-Identifier: ISC
// Texts for a terminal: what a sender chose must not command it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace restante::ctl {

// Control characters, of either set, and those that change the direction of writing become "?", and
// so does what is not UTF-8.
// With `lines` line ends and tabs stay.
[[nodiscard]] std::string printable(std::string_view utf8, bool lines = false);

// JSON as a line for a terminal: control characters, those that change the direction of writing,
// and bytes that are not UTF-8 are escaped. It still says the same, since they can only be in
// strings.
[[nodiscard]] std::string terminal_json(std::string_view json);

// Cut or filled up with blanks to `width` characters.
[[nodiscard]] std::string fitted(std::string_view utf8, std::size_t width);

// "2026-11-25 10:00:00", UTC.
[[nodiscard]] std::string date_text(std::int64_t unix_time);

// "3 d 4 h", "12 min 3 s".
[[nodiscard]] std::string span_text(std::int64_t seconds);

}  // namespace restante::ctl
