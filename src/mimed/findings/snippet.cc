// SPDX-License-Identifier: ISC
#include "mimed/findings/snippet.h"

#include <algorithm>

#include "mimed/text/charset.h"
#include "mimed/text/html_text.h"
#include "shared/base/utf8.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kLooked = 4096;  // bytes: more than a snippet has, unless it is mostly blank
constexpr std::size_t kStep = 160;

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }

std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_character));
}

}  // namespace

std::string make_snippet(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  std::string snippet;
  snippet.reserve(2 * kStep);
  text = cut_utf8(text, kLooked);
  // Most often the first step is enough.
  while (!text.empty() && characters_of(snippet) <= kSnippetCharacters) {
    const std::string_view step = cut_utf8(text, kStep);
    append_folded(snippet, step);
    text.remove_prefix(step.size());
  }
  std::size_t characters = 0;
  const auto end = std::ranges::find_if(snippet, [&characters](char c) {
    return starts_character(c) && ++characters > kSnippetCharacters;
  });
  snippet.erase(end, snippet.end());
  if (snippet.ends_with(' ')) snippet.pop_back();
  return snippet;
}

}  // namespace restante::mimed
