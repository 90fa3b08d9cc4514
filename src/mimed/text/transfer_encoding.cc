// SPDX-License-Identifier: ISC
#include "mimed/text/transfer_encoding.h"

#include <array>
#include <cstdint>

#include "shared/base/ascii.h"

namespace restante::mimed {
namespace {

constexpr std::int8_t kJunk = -1;
constexpr std::int8_t kPadding = -2;

constexpr std::array<std::int8_t, 256> make_base64_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(kJunk);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  values['='] = kPadding;
  return values;
}
constexpr auto kBase64Values = make_base64_values();

// Writes the whole bytes of an unfinished group of `count` digits.
char* flush_group(char* out, std::uint32_t group, int count) {
  if (count >= 2) *out++ = static_cast<char>(group >> (6 * count - 8));
  if (count == 3) *out++ = static_cast<char>(group >> 2);
  return out;
}

char* write_group(char* out, std::uint32_t group) {
  *out++ = static_cast<char>(group >> 16);
  *out++ = static_cast<char>(group >> 8);
  *out++ = static_cast<char>(group);
  return out;
}

std::int8_t value_of(char c) { return kBase64Values[static_cast<unsigned char>(c)]; }

// The whole groups with nothing between them that `encoded` begins with, which it loses.
char* decode_groups(char* out, std::string_view& encoded) {
  const char* at = encoded.data();
  for (const char* const end = at + encoded.size() / 4 * 4; at != end; at += 4) {
    const auto digit = [at](int i) { return static_cast<std::uint32_t>(value_of(at[i])); };
    const std::uint32_t a = digit(0), b = digit(1), c = digit(2), d = digit(3);
    if ((a | b | c | d) > 63) break;
    out = write_group(out, a << 18 | b << 12 | c << 6 | d);
  }
  encoded.remove_prefix(static_cast<std::size_t>(at - encoded.data()));
  return out;
}

// Decodes `=XX` at `at` if it is one.
bool append_escape(std::string& out, std::string_view encoded, std::size_t at) {
  if (at + 2 >= encoded.size()) return false;
  const int byte = hex_byte(encoded[at + 1], encoded[at + 2]);
  if (byte < 0) return false;
  out += static_cast<char>(byte);
  return true;
}

}  // namespace

std::string decode_base64(std::string_view encoded) {
  std::string decoded(encoded.size() / 4 * 3 + 3, '\0');
  char* out = decoded.data();
  std::uint32_t group = 0;
  int count = 0;
  while (!encoded.empty()) {
    if (count == 0) out = decode_groups(out, encoded);
    if (encoded.empty()) break;
    const std::int8_t value = value_of(encoded.front());
    encoded.remove_prefix(1);
    if (value >= 0) {
      group = group << 6 | static_cast<std::uint32_t>(value);
      if (++count < 4) continue;
      out = write_group(out, group);
    } else if (value == kPadding) {
      out = flush_group(out, group, count);
    } else {
      continue;
    }
    group = 0;
    count = 0;
  }
  out = flush_group(out, group, count);
  decoded.resize(static_cast<std::size_t>(out - decoded.data()));
  return decoded;
}

std::string decode_quoted_printable(std::string_view encoded) {
  std::string decoded;
  decoded.reserve(encoded.size());
  while (!encoded.empty()) {
    const std::size_t newline = encoded.find('\n');
    const bool ends = newline != std::string_view::npos;
    std::string_view line = encoded.substr(0, newline);
    const bool crlf = ends && line.ends_with('\r');
    encoded.remove_prefix(ends ? newline + 1 : encoded.size());

    // Rule 3: white space at the end of a line was added on the way.
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    bool soft = false;
    while (!line.empty()) {
      const std::size_t equals = line.find('=');
      decoded += line.substr(0, equals);
      if (equals == std::string_view::npos) break;
      if (append_escape(decoded, line, equals)) {
        line.remove_prefix(equals + 3);
        continue;
      }
      soft = equals + 1 == line.size();
      if (!soft) decoded += '=';
      line.remove_prefix(equals + 1);
    }
    if (ends && !soft) decoded += crlf ? "\r\n" : "\n";
  }
  return decoded;
}

std::string decode_q(std::string_view encoded) {
  std::string decoded;
  decoded.reserve(encoded.size());
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    if (encoded[at] == '=' && append_escape(decoded, encoded, at)) {
      at += 2;
    } else {
      decoded += encoded[at] == '_' ? ' ' : encoded[at];
    }
  }
  return decoded;
}

std::string decode_transfer(std::string_view content, std::string_view encoding) {
  encoding = first_token(encoding);
  if (equal_ignoring_case(encoding, "base64")) return decode_base64(content);
  if (equal_ignoring_case(encoding, "quoted-printable")) return decode_quoted_printable(content);
  return std::string(content);
}

}  // namespace restante::mimed
