// SPDX-License-Identifier: ISC
// Cuts a text into words.
#include "mimed/words.h"

#include <algorithm>

#include "shared/ascii.h"

namespace restante::mimed {
namespace {

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Letters of any script are part of a word; punctuation beyond ASCII is not: U+0080 … U+00BF,
// U+2000 … U+2BFF, U+3000 … U+303F, U+FF00 … U+FF3F.
bool is_of_word(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return is_digit(text[0]) || is_letter(text[0]);
  const auto second = text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0U;
  const bool punctuation = lead == 0xC2 || (lead == 0xE2 && second < 0xB0) ||
                           (lead == 0xE3 && second == 0x80) || (lead == 0xEF && second == 0xBC);
  return !punctuation;
}

// Whether what stands between blanks is a URL or an address: no code is looked for in it.
bool is_opaque(std::string_view chunk) {
  return chunk.contains("://") || chunk.contains('@') || chunk.starts_with("www.");
}

}  // namespace

Words::Words(std::string_view text) {
  std::size_t line = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (is_space(text[at])) {
      line += text[at++] == '\n';
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && !is_space(text[end])) ++end;
    if (is_opaque(text.substr(at, end - at))) {
      words_.push_back({.text = {}, .at = at, .line = line});  // takes its place
    } else {
      split_chunk(text, at, end, line);
    }
    at = end;
  }
  kinds_.resize(words_.size());
}

void Words::split_chunk(std::string_view text, std::size_t at, std::size_t end, std::size_t line) {
  while (at < end) {
    const std::size_t start = at;
    bool digits = true;
    while (at < end && is_of_word(text.substr(at))) digits = is_digit(text[at++]) && digits;
    if (at > start) {
      words_.push_back({text.substr(start, at - start), start, line, digits});
    } else {
      ++at;
      // The rest of a character of several bytes goes with it.
      while (at < end && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) ++at;
    }
  }
}

CodeWord Words::kind(std::size_t i) const {
  if (!kinds_[i]) kinds_[i] = find_kind(i);
  return *kinds_[i];
}

CodeWord Words::find_kind(std::size_t i) const {
  const CodeWord kind = classify_code_word(words_[i].text);
  if (kind != CodeWord::kStrong) return kind;
  const bool spoilt = (i > 0 && spoils_code(words_[i - 1].text)) ||
                      (i + 1 < words_.size() && spoils_code(words_[i + 1].text));
  return spoilt ? CodeWord::kAgainst : kind;
}

}  // namespace restante::mimed
