// SPDX-License-Identifier: ISC
// Whether a stored mail is one that was asked for: its fragment of JSON is searched as it is
// stored.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace restante::apid {

// `text` as it would stand inside a JSON string, with ASCII letters in lower case.
[[nodiscard]] std::string make_needle(std::string_view text);

// The inside of the string that a fragment's member has: JSON, escaped as it is. Nothing when there
// is no such member among those at the beginning whose values are all strings.
[[nodiscard]] std::optional<std::string_view> text_member(std::string_view fragment,
                                                          std::string_view name);

// Whether the inside of a JSON string holds the needle, whatever the case of ASCII letters. An
// escape of two or six bytes is one character: \n holds no n.
[[nodiscard]] bool holds(std::string_view json_text, std::string_view needle);

// Needles that a summary (shared/message.h) has to hold; an empty one is held by any.
struct MailFilter {
  std::string from, subject;
  [[nodiscard]] bool fits(std::string_view summary) const;
};

}  // namespace restante::apid
