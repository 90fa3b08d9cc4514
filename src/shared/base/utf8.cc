// SPDX-License-Identifier: ISC
#include "shared/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace restante {
inline namespace base {
namespace {

constexpr unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

}  // namespace

bool is_ascii(std::string_view text) {
  for (std::size_t at = 0;; ++at) {
    at += ascii_size(text.substr(at));
    if (at == text.size()) return true;
    if (text[at] != '\0') return false;
  }
}

std::size_t ascii_size(std::string_view text) {
  std::size_t at = 0;
  for (std::uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    if (((word | (word - kOnes)) & (kOnes << 7)) != 0) break;
  }
  while (at < text.size() && byte_at(text, at) < 0x80 && text[at] != '\0') ++at;
  return at;
}

Utf8Sequence first_utf8_sequence(std::string_view text) {
  const unsigned char lead = byte_at(text, 0);
  if (lead < 0x80) return {1, lead != 0};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;   // overlong
  if (lead == 0xED) high = 0x9F;  // surrogates
  if (lead == 0xF0) low = 0x90;   // overlong
  if (lead == 0xF4) high = 0x8F;  // above U+10FFFF
  for (std::size_t at = 1; at < size; ++at) {
    if (at == text.size() || byte_at(text, at) < low || byte_at(text, at) > high)
      return {at, false};
    low = 0x80;
    high = 0xBF;
  }
  return {size, true};
}

std::size_t valid_utf8_size(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    at += ascii_size(text.substr(at));
    if (at == text.size()) break;
    const Utf8Sequence sequence = first_utf8_sequence(text.substr(at));
    if (!sequence.valid) break;
    at += sequence.size;
  }
  return at;
}

bool is_valid_utf8(std::string_view text) {
  std::size_t at = valid_utf8_size(text);
  while (at < text.size() && text[at] == '\0') at += 1 + valid_utf8_size(text.substr(at + 1));
  return at == text.size();
}

std::string_view cut_utf8(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (byte_at(text, limit) & 0xC0U) == 0x80) --limit;
  return text.substr(0, limit);
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

}  // namespace base
}  // namespace restante
