// SPDX-License-Identifier: ISC
// UTF-8 as RFC 3629 has it: shortest form, no surrogates, at most U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace restante {
inline namespace base {

[[nodiscard]] bool is_ascii(std::string_view text);

// NUL is valid.
[[nodiscard]] bool is_valid_utf8(std::string_view text);

// Bytes at the start of `text` that are ASCII and not NUL. Looks at eight at a time.
[[nodiscard]] std::size_t ascii_size(std::string_view text);

// Bytes at the start of `text` that are valid UTF-8 and not NUL.
[[nodiscard]] std::size_t valid_utf8_size(std::string_view text);

struct Utf8Sequence {
  std::size_t size;  // bytes to go on by, at least 1
  bool valid;        // false for NUL too
};

// The sequence at the start of `text`, which is not empty: RFC 3629 section 4. A broken sequence
// ends before the first byte that cannot belong to it (Unicode 15, section 3.9).
[[nodiscard]] Utf8Sequence first_utf8_sequence(std::string_view text);

// `text`, which is valid UTF-8, cut to at most `limit` bytes and never inside a character.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t limit);

// Appends U+`code_point` as UTF-8.
void append_utf8(std::string& out, char32_t code_point);

}  // namespace base
}  // namespace restante
