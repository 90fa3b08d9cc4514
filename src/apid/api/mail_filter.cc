// SPDX-License-Identifier: ISC
#include "apid/api/mail_filter.h"

#include <algorithm>
#include <vector>

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

// For each prefix of `needle`, the length of its longest border: of what is both its beginning and
// its end, but not all of it (Knuth, Morris and Pratt, 1977).
std::vector<std::size_t> borders_of(std::string_view needle) {
  std::vector<std::size_t> borders(needle.size(), 0);
  for (std::size_t i = 1, border = 0; i < needle.size(); ++i) {
    while (border > 0 && needle[i] != needle[border]) border = borders[border - 1];
    if (needle[i] == needle[border]) ++border;
    borders[i] = border;
  }
  return borders;
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

// Each byte of the text is looked at twice at most, whatever the needle.
bool holds(std::string_view json_text, std::string_view needle) {
  if (needle.empty()) return true;
  if (json_text.size() < needle.size()) return false;
  const std::vector<std::size_t> borders = borders_of(needle);
  std::size_t matched = 0, unit = 0;  // unit: where a character begins
  for (std::size_t i = 0; i < json_text.size(); ++i) {
    const char c = ascii_lower(json_text[i]);
    while (matched > 0 && needle[matched] != c) matched = borders[matched - 1];
    if (needle[matched] == c) ++matched;
    if (matched < needle.size()) continue;
    const std::size_t start = i + 1 - matched;
    while (unit < start) unit += unit_size(json_text.substr(unit));
    if (unit == start) return true;
    matched = borders[matched - 1];
  }
  return false;
}

bool MailFilter::fits(std::string_view summary) const {
  return member_holds(summary, "from", from) && member_holds(summary, "subject", subject);
}

}  // namespace restante::apid
