// SPDX-License-Identifier: ISC
// The line by which a mail is known in a list.
#include "mimed/snippet.h"

#include <algorithm>

#include "mimed/charset.h"
#include "mimed/html_text.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kLooked = 4096;  // bytes: more than a snippet has, unless it is mostly blank

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }

}  // namespace

std::string make_snippet(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  std::string snippet;
  append_folded(snippet, cut_utf8(text, kLooked));
  std::size_t characters = 0;
  const auto end = std::ranges::find_if(snippet, [&characters](char c) {
    return starts_character(c) && ++characters > kSnippetCharacters;
  });
  snippet.erase(end, snippet.end());
  if (snippet.ends_with(' ')) snippet.pop_back();
  return snippet;
}

}  // namespace restante::mimed
