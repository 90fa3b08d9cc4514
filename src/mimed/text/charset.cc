// SPDX-License-Identifier: ISC
#include "mimed/text/charset.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "mimed/text/charset_names.h"
#include "shared/base/utf8.h"

namespace restante::mimed {
namespace {

// What iconv_open(3) gives when it fails.
const iconv_t kNoDescriptor = reinterpret_cast<iconv_t>(-1);  // NOLINT: the interface has it so

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// A text with so many errors is not in its charset. From there on a run of them becomes one U+FFFD,
// so that a mail of 25 MiB of nothing does not become 75.
constexpr std::size_t kErrorLimit = 4096;

// What windows-1252 has at 0x80 … 0x9F; 0 where it has nothing.
constexpr std::array<char16_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

constexpr unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

std::string from_windows_1252(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const std::size_t plain = ascii_size(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const unsigned char byte = byte_at(text, 0);
    char32_t code_point = byte >= 0xA0 ? byte : 0;
    if (byte >= 0x80 && byte < 0xA0) code_point = kWindows1252[byte - 0x80U];
    append_utf8(out, code_point == 0 ? U'\uFFFD' : code_point);
    text.remove_prefix(1);
  }
  return out;
}

std::string guess(std::string text) {
  if (is_valid_utf8(text)) return repair_utf8(std::move(text));
  return from_windows_1252(text);
}

const CharsetName* find_charset(std::string_view label) {
  std::array<char, 24> key{};
  std::size_t size = 0;
  for (char c : label) {
    if (c == '-' || c == '_' || c == ':' || c == ' ' || c == '"') continue;
    if (size == key.size()) return nullptr;
    key[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  const std::string_view wanted(key.data(), size);
  const auto* found = std::ranges::lower_bound(kCharsetNames, wanted, {}, &CharsetName::label);
  return found != std::end(kCharsetNames) && found->label == wanted ? found : nullptr;
}
static_assert(std::ranges::is_sorted(kCharsetNames, {}, &CharsetName::label));

// What is left when a charset is given up on: ASCII, and U+FFFD for each run of the rest.
void append_ascii_of(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t plain = ascii_size(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (!text.empty()) out += kReplacement;
    while (!text.empty() && (byte_at(text, 0) >= 0x80 || text[0] == '\0')) text.remove_prefix(1);
  }
}

// Where letters are composed (windows-1255, windows-1258, Big5-HKSCS), iconv keeps the last one
// until it sees what follows. This has it written, and goes back to the initial shift state.
void flush(iconv_t cd, std::string& out, std::size_t& used) {
  if (out.size() - used < 32) out.resize(out.size() + 64);
  char* to = out.data() + used;
  std::size_t out_left = out.size() - used;
  iconv(cd, nullptr, nullptr, &to, &out_left);
  used = out.size() - out_left;
}

}  // namespace

std::string repair_utf8(std::string text) {
  std::size_t at = valid_utf8_size(text);
  if (at == text.size()) return text;
  std::string out;
  out.reserve(text.size() + 64);
  std::string_view rest = text;
  std::size_t errors = 0;
  bool adjacent = false;
  while (true) {
    out += rest.substr(0, at);
    rest.remove_prefix(at);
    if (rest.empty()) return out;
    if (!adjacent || ++errors < kErrorLimit) out += kReplacement;
    rest.remove_prefix(first_utf8_sequence(rest).size);
    at = valid_utf8_size(rest);
    adjacent = at == 0;
  }
}

CharsetConverter::~CharsetConverter() {
  for (const auto& [name, descriptor] : open_) iconv_close(descriptor);
}

std::string CharsetConverter::to_utf8(std::string text, std::string_view label) {
  const CharsetName* charset = find_charset(label);
  const CharsetKind kind = charset == nullptr ? CharsetKind::kGuess : charset->kind;
  switch (kind) {
    case CharsetKind::kGuess:
      text = guess(std::move(text));
      break;
    case CharsetKind::kUtf8:
      text = repair_utf8(std::move(text));
      break;
    case CharsetKind::kWindows1252:
      text = from_windows_1252(text);
      break;
    case CharsetKind::kUtf16:
      text = convert_utf16(text);
      break;
    case CharsetKind::kIconv:
      text = convert(text, charset->iconv_name);
      break;
  }
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  return text;
}

bool CharsetConverter::open_all() {
  bool complete = true;
  for (const CharsetName& charset : kCharsetNames) {
    if (charset.kind != CharsetKind::kIconv) continue;
    complete = descriptor(charset.iconv_name) != kNoDescriptor && complete;
  }
  return complete;
}

iconv_t CharsetConverter::descriptor(const char* name) {
  const auto known = open_.find(name);
  if (known != open_.end()) return known->second;
  const iconv_t opened = iconv_open("UTF-8", name);
  if (opened != kNoDescriptor) open_.emplace(name, opened);
  return opened;
}

std::string CharsetConverter::convert(std::string_view text, const char* name) {
  const iconv_t cd = descriptor(name);
  if (cd == kNoDescriptor) return guess(std::string(text));
  const std::size_t unit = std::strncmp(name, "UTF-16", 6) == 0   ? 2
                           : std::strncmp(name, "UTF-32", 6) == 0 ? 4
                                                                  : 1;
  const bool shifts = std::string_view(name).starts_with("ISO-2022");
  iconv(cd, nullptr, nullptr, nullptr, nullptr);  // back to the initial shift state
  std::string out(text.size() + text.size() / 2 + 64, '\0');
  std::size_t used = 0;
  std::size_t errors = 0;
  while (!text.empty()) {
    char* in = const_cast<char*>(text.data());  // iconv only reads it
    std::size_t in_left = text.size();
    char* to = out.data() + used;
    std::size_t out_left = out.size() - used;
    const std::size_t result = iconv(cd, &in, &in_left, &to, &out_left);
    const int error = errno;
    text.remove_prefix(text.size() - in_left);
    used = out.size() - out_left;
    if (result != static_cast<std::size_t>(-1)) break;
    if (error != E2BIG && ++errors > kErrorLimit) break;
    if (out.size() - used < 32) out.resize(out.size() * 2);
    if (error == E2BIG) continue;
    // EILSEQ: bytes that mean nothing here. EINVAL: the text ends inside a character.
    if (!shifts) flush(cd, out, used);
    kReplacement.copy(out.data() + used, kReplacement.size());
    used += kReplacement.size();
    text.remove_prefix(error == EILSEQ ? std::min(unit, text.size()) : text.size());
  }
  flush(cd, out, used);
  out.resize(used);
  append_ascii_of(out, text);
  return repair_utf8(std::move(out));
}

// RFC 2781 section 4.3: by the byte order mark. Without one most mail is little-endian whatever the
// RFC says, so the zero bytes of ASCII decide.
std::string CharsetConverter::convert_utf16(std::string_view text) {
  bool big_endian = false;
  if (text.starts_with("\xFE\xFF") || text.starts_with("\xFF\xFE")) {
    big_endian = text.front() == '\xFE';
  } else {
    std::ptrdiff_t balance = 0;
    for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
      balance += (text[at] == '\0') - (text[at + 1] == '\0');
    }
    big_endian = balance > 0;
  }
  return convert(text, find_charset(big_endian ? "utf-16be" : "utf-16le")->iconv_name);
}

}  // namespace restante::mimed
