// SPDX-License-Identifier: ISC
// Filters mails by sender and subject, by searching their summaries as they are stored, in JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace restante::apid {

// Returns `text` as it would stand inside a JSON string, with ASCII letters in lower case.
[[nodiscard]] std::string make_needle(std::string_view text);

// Returns the value of the member `name`, without its quotes and with its escapes. Only the members
// before the first one whose value is not a string are searched.
[[nodiscard]] std::optional<std::string_view> text_member(std::string_view fragment,
                                                          std::string_view name);

// Whether the inside of a JSON string contains `needle`, in any case of ASCII letters. An escape of
// two or six bytes is one character: \n does not contain n.
[[nodiscard]] bool holds(std::string_view json_text, std::string_view needle);

// What a summary (mail/message.h) must contain, as make_needle() returns it; empty: anything.
struct MailFilter {
  std::string from, subject;
  [[nodiscard]] bool fits(std::string_view summary) const;
};

}  // namespace restante::apid
