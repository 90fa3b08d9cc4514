// SPDX-License-Identifier: ISC
#include "mimed/findings/words.h"

#include <array>

#include "shared/base/ascii.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kUsualWord = 6;  // bytes, with its blank

// What a byte may be; a table, since every byte of a text is looked at.
enum ByteKind : std::uint8_t {
  kDigit = 1,
  kCapital = 2,
  kSmall = 4,
  kBeyondAscii = 8,
  kSpace = 16,
  kMark = 32,   // stands in every URL and address, but those that begin with `www.`
  kOther = 64,  // between words, like the two above
};
constexpr unsigned kNotSmall = kDigit | kCapital;
constexpr unsigned kPlain = kNotSmall | kSmall;

constexpr ByteKind classify(char c) {
  if (is_digit(c)) return kDigit;
  if (c >= 'A' && c <= 'Z') return kCapital;
  if (c >= 'a' && c <= 'z') return kSmall;
  if ((c & 0x80) != 0) return kBeyondAscii;
  if (c == ' ' || (c >= '\t' && c <= '\r')) return kSpace;
  return c == '@' || c == ':' ? kMark : kOther;
}

constexpr std::array<ByteKind, 256> make_byte_kinds() {
  std::array<ByteKind, 256> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = classify(static_cast<char>(i));
  return kinds;
}
constexpr auto kByteKinds = make_byte_kinds();

unsigned kind_of(char c) { return kByteKinds[static_cast<unsigned char>(c)]; }

// Letters of any script are part of a word; punctuation beyond ASCII is not: U+0080 … U+00BF,
// U+2000 … U+2BFF, U+3000 … U+303F, U+FF00 … U+FF3F.
bool is_of_word(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return (kind_of(text[0]) & kPlain) != 0;
  const auto second = text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0U;
  const bool punctuation = lead == 0xC2 || (lead == 0xE2 && second < 0xB0) ||
                           (lead == 0xE3 && second == 0x80) || (lead == 0xEF && second == 0xBC);
  return !punctuation;
}

// Whether what stands between blanks is a URL or an address: no code is looked for in it.
bool is_opaque(std::string_view chunk, unsigned kinds) {
  if (chunk.starts_with("www.")) return true;
  return (kinds & kMark) != 0 && (chunk.contains("://") || chunk.contains('@'));
}

}  // namespace

Words::Words(std::string_view text) : text_(text) {
  pieces_.reserve(text.size() / kUsualWord + 1);
  std::size_t line = 0;
  for (const char* at = text.begin(); at != text.end();) {
    if (kind_of(*at) == kSpace) {
      line += *at++ == '\n';
      continue;
    }
    const char* const start = at;
    unsigned kinds = 0;
    for (unsigned kind = 0; at != text.end() && (kind = kind_of(*at)) != kSpace; ++at)
      kinds |= kind;
    add_chunk(static_cast<std::size_t>(start - text.begin()),
              static_cast<std::size_t>(at - text.begin()), line, kinds);
  }
}

// What stands between blanks.
void Words::add_chunk(std::size_t at, std::size_t end, std::size_t line, unsigned kinds_of_bytes) {
  const bool plain = (kinds_of_bytes & ~kPlain) == 0;
  const bool opaque = !plain && is_opaque(text_.substr(at, end - at), kinds_of_bytes);
  if (!plain && !opaque) return split_chunk(at, end, line);
  add(at, opaque ? 0 : end - at, line, kinds_of_bytes);  // it takes its place in any case
}

void Words::add(std::size_t at, std::size_t size, std::size_t line, unsigned kinds_of_bytes) {
  pieces_.push_back({.at = static_cast<std::uint32_t>(at),
                     .size = static_cast<std::uint32_t>(size),
                     .line = static_cast<std::uint32_t>(line),
                     .digits = kinds_of_bytes == kDigit,
                     .capital = (kinds_of_bytes & ~kNotSmall) == 0,
                     .kind = {}});
}

void Words::split_chunk(std::size_t at, std::size_t end, std::size_t line) {
  while (at < end) {
    const std::size_t start = at;
    unsigned kinds = 0;
    while (at < end && is_of_word(text_.substr(at))) kinds |= kind_of(text_[at++]);
    if (at > start) {
      add(start, at - start, line, kinds);
    } else {
      ++at;
      // The rest of a character of several bytes goes with it.
      while (at < end && (static_cast<unsigned char>(text_[at]) & 0xC0U) == 0x80) ++at;
    }
  }
}

CodeWord Words::kind(std::size_t i) const {
  std::optional<CodeWord>& kind = pieces_[i].kind;
  if (!kind) kind = find_kind(i);
  return *kind;
}

CodeWord Words::find_kind(std::size_t i) const {
  const CodeWord kind = classify_code_word((*this)[i].text);
  if (kind != CodeWord::kStrong) return kind;
  const bool spoilt = (i > 0 && spoils_code((*this)[i - 1].text)) ||
                      (i + 1 < size() && spoils_code((*this)[i + 1].text));
  return spoilt ? CodeWord::kAgainst : kind;
}

}  // namespace restante::mimed
