// SPDX-License-Identifier: ISC
// The words of a text, and what each says of a code near it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "mimed/code_words.h"

namespace restante::mimed {

struct Word {
  std::string_view text;  // empty: something that no code is looked for in, a URL or an address
  std::size_t at = 0;     // in the whole text
  std::size_t line = 0;   // its number
  bool digits = false;    // nothing else
  bool capital = false;   // no small letters: ASCII digits and capitals alone
};

// Views a text, which has to live as long.
class Words {
 public:
  explicit Words(std::string_view text);

  [[nodiscard]] std::size_t size() const { return words_.size(); }
  [[nodiscard]] const Word& operator[](std::size_t i) const { return words_[i]; }

  // Found when it is asked for first: few words of a text are near something that may be a code.
  [[nodiscard]] CodeWord kind(std::size_t i) const;

 private:
  void add(std::string_view text, std::size_t at, std::size_t end, std::size_t line,
           unsigned kinds_of_bytes);
  void split_chunk(std::string_view text, std::size_t at, std::size_t end, std::size_t line);

  [[nodiscard]] CodeWord find_kind(std::size_t i) const;

  std::vector<Word> words_;
  mutable std::vector<std::optional<CodeWord>> kinds_;
};

}  // namespace restante::mimed
