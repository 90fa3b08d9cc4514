// SPDX-License-Identifier: ISC
#include "apid/api/mail_filter.h"

#include <algorithm>

#include "shared/base/ascii.h"
#include "shared/mail/message.h"

namespace restante::apid {
namespace {

// Bytes of the character at the start of `text`, which is not empty (RFC 8259 section 7). A UTF-8
// sequence need not be kept together: no part of one begins another.
std::size_t unit_size(std::string_view text) {
  if (text[0] != '\\') return 1;
  return text.starts_with("\\u") ? 6 : 2;
}

// Takes a string with its quotes off the front of `text`; what was between them.
std::optional<std::string_view> consume_string(std::string_view& text) {
  if (!text.starts_with('"')) return std::nullopt;
  std::size_t end = 1;
  while (end < text.size() && text[end] != '"') end += unit_size(text.substr(end));
  if (end >= text.size()) return std::nullopt;
  const std::string_view inside = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return inside;
}

bool starts_with_needle(std::string_view text, std::string_view needle) {
  return text.size() >= needle.size() &&
         std::equal(needle.begin(), needle.end(), text.begin(),
                    [](char wanted, char given) { return wanted == ascii_lower(given); });
}

bool member_holds(std::string_view summary, std::string_view name, std::string_view needle) {
  if (needle.empty()) return true;
  const auto text = text_member(summary, name);
  return text && holds(*text, needle);
}

}  // namespace

std::string make_needle(std::string_view text) {
  std::string needle = mail::json_string(text);
  needle = needle.substr(1, needle.size() - 2);
  std::ranges::transform(needle, needle.begin(), ascii_lower);
  return needle;
}

std::optional<std::string_view> text_member(std::string_view fragment, std::string_view name) {
  while (true) {
    const auto key = consume_string(fragment);
    if (!key || !fragment.starts_with(':')) return std::nullopt;
    fragment.remove_prefix(1);
    const auto value = consume_string(fragment);
    if (!value || *key == name) return value;
    if (!fragment.starts_with(',')) return std::nullopt;
    fragment.remove_prefix(1);
  }
}

bool holds(std::string_view json_text, std::string_view needle) {
  while (json_text.size() >= needle.size()) {
    if (starts_with_needle(json_text, needle)) return true;
    if (json_text.empty()) return false;
    json_text.remove_prefix(std::min(json_text.size(), unit_size(json_text)));
  }
  return false;
}

bool MailFilter::fits(std::string_view summary) const {
  return member_holds(summary, "from", from) && member_holds(summary, "subject", subject);
}

}  // namespace restante::apid
