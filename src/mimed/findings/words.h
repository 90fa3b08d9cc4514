// SPDX-License-Identifier: ISC
// The words of a text, and what each says of a code near it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "mimed/findings/code_words.h"

namespace restante::mimed {

struct Word {
  std::string_view text;  // empty: something that no code is looked for in, a URL or an address
  std::size_t at = 0;     // in the whole text
  std::size_t line = 0;   // its number
  bool digits = false;    // nothing else
  bool capital = false;   // no small letters: ASCII digits and capitals alone
};

// Views a text of less than 4 GiB, which has to live as long.
class Words {
 public:
  explicit Words(std::string_view text);

  [[nodiscard]] std::size_t size() const { return pieces_.size(); }
  [[nodiscard]] Word operator[](std::size_t i) const {
    const Piece& piece = pieces_[i];
    return {.text = {text_.data() + piece.at, piece.size},
            .at = piece.at,
            .line = piece.line,
            .digits = piece.digits,
            .capital = piece.capital};
  }

  // Found when it is asked for first: few words of a text are near something that may be a code.
  [[nodiscard]] CodeWord kind(std::size_t i) const;

 private:
  // A word, small: most are passed over.
  struct Piece {
    std::uint32_t at, size, line;
    bool digits, capital;
    mutable std::optional<CodeWord> kind;
  };

  void add(std::size_t at, std::size_t size, std::size_t line, unsigned kinds_of_bytes);
  void add_chunk(std::size_t at, std::size_t end, std::size_t line, unsigned kinds_of_bytes);
  void split_chunk(std::size_t at, std::size_t end, std::size_t line);
  [[nodiscard]] CodeWord find_kind(std::size_t i) const;

  std::string_view text_;
  std::vector<Piece> pieces_;
};

}  // namespace restante::mimed
