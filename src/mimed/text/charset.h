// SPDX-License-Identifier: ISC
// Any charset to valid UTF-8, always: what cannot be converted becomes U+FFFD, and so does NUL.
#pragma once

#include <iconv.h>

#include <map>
#include <string>
#include <string_view>

namespace restante::mimed {

// Replaces each maximal part of a broken sequence (Unicode 15, section 3.9) and each NUL by U+FFFD.
[[nodiscard]] std::string repair_utf8(std::string text);

// Converts by the label that the mail gives. Only charsets of a list are ever handed to iconv;
// labels are read as browsers read them (iso-8859-1 is windows-1252, gb2312 is gb18030). UTF-7 is
// not decoded: it would bring back markup that a filter has looked for. Keeps an iconv descriptor a
// charset, since opening one loads a file. One converter a thread.
class CharsetConverter {
 public:
  CharsetConverter() = default;
  CharsetConverter(const CharsetConverter&) = delete;
  CharsetConverter& operator=(const CharsetConverter&) = delete;
  ~CharsetConverter();

  // Without a known label: UTF-8 if the bytes are valid as such, else windows-1252.
  [[nodiscard]] std::string to_utf8(std::string text, std::string_view label);

  // Opens every charset of the list, for a process that will not be able to open files later. False
  // if the system lacks one; what is labelled so is then guessed.
  bool open_all();

 private:
  [[nodiscard]] iconv_t descriptor(const char* name);
  [[nodiscard]] std::string convert(std::string_view text, const char* name);
  [[nodiscard]] std::string convert_utf16(std::string_view text);

  std::map<const char*, iconv_t> open_;  // by the address of the name in the list
};

}  // namespace restante::mimed
