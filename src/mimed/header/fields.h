// SPDX-License-Identifier: ISC
// Reads the fields of a header block (RFC 5322 section 2.2) in place: views in, views out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace restante::mimed {

struct HeaderField {
  std::string_view name;   // empty: the line is no header field
  std::string_view value;  // as it came, with folds, without the last line's end
};

// What to do with a line that is no header field and does not continue one.
enum class OnJunk : std::uint8_t {
  kEndsHeader,  // it is the first line of the body: somebody forgot the empty line
  kReport,      // it is a field without a name
};

// Walks a header block from its first byte. `text` may go on behind the block; it must outlive the
// reader and every field. Linear in the size of the block, allocates nothing.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, OnJunk on_junk) : text_(text), on_junk_(on_junk) {}

  // False at the end of the block: position() is then where the body begins.
  [[nodiscard]] bool next(HeaderField& field);
  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  OnJunk on_junk_;
};

// The raw value of the first field of that name, or empty.
[[nodiscard]] std::string_view find_field(std::string_view header, std::string_view name);

}  // namespace restante::mimed
