// SPDX-License-Identifier: ISC
// HTML as a reader sees it, roughly: its text and its tags, in one pass, never as a tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace restante::mimed {

struct HtmlPiece {
  enum class Kind : std::uint8_t { kText, kTag };
  Kind kind = Kind::kText;
  std::string_view text;        // of a text: with entities as written
  std::string_view name;        // of a tag: as written, an end tag's with its slash
  std::string_view attributes;  // of a tag
};

// Gives texts and tags in their order. Comments and what is between the tags of style, script and
// title are left out. `html` must outlive the reader and its pieces. Linear, allocates nothing.
class HtmlReader {
 public:
  explicit HtmlReader(std::string_view html) : html_(html) {}
  [[nodiscard]] bool next(HtmlPiece& piece);  // false at the end

 private:
  void skip_past(std::string_view end);
  void skip_content_of(std::string_view name);

  std::string_view html_;
};

// The value of an attribute, entities decoded; empty if there is none.
[[nodiscard]] std::string html_attribute(std::string_view attributes, std::string_view name);

// Character references by number, and those by name that mail uses. Unknown ones stay as they are.
// Valid UTF-8 stays valid; a reference to what is no character is U+FFFD.
[[nodiscard]] std::string decode_entities(std::string_view text);

// The text on lines: blocks and <br> begin a new one, white space is folded to one space each.
[[nodiscard]] std::string html_to_text(std::string_view html);

// Appends `text`, white space (no-break spaces too) folded to one space each, none at the start of
// a line or of `out`.
void append_folded(std::string& out, std::string_view text);

}  // namespace restante::mimed
