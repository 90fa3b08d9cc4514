// SPDX-License-Identifier: ISC
#include "ctl/text.h"

#include <fmt/format.h>

#include <cstdlib>
#include <ctime>

#include "shared/base/utf8.h"

namespace restante::ctl {
namespace {

constexpr char32_t kBroken = 0x110000;  // no code point

struct Character {
  std::string_view bytes;
  char32_t code_point;  // kBroken: not UTF-8
};

Character first_of(std::string_view text) {
  const auto [size, valid] = first_utf8_sequence(text);
  const std::string_view bytes = text.substr(0, size);
  const auto lead = static_cast<unsigned char>(text.front());
  if (size == 1) return {bytes, lead < 0x80 ? lead : kBroken};
  if (!valid) return {bytes, kBroken};
  char32_t code_point = lead & (0x7FU >> size);
  for (const char byte : bytes.substr(1)) {
    code_point = code_point << 6U | (static_cast<unsigned char>(byte) & 0x3FU);
  }
  return {bytes, code_point};
}

// Controls, and what Unicode calls Bidi_Control.
bool commands(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  return c < 0x20 || within(0x7F, 0x9F) || c == 0x61C || within(0x200E, 0x200F) ||
         within(0x202A, 0x202E) || within(0x2066, 0x2069) || c == kBroken;
}

// `replacement` is called with each character that commands, and gives what stands for it.
template <class Replacement>
std::string harmless(std::string_view utf8, Replacement replacement) {
  std::string text;
  while (!utf8.empty()) {
    const Character character = first_of(utf8);
    utf8.remove_prefix(character.bytes.size());
    if (commands(character.code_point)) {
      text += replacement(character.code_point);
    } else {
      text += character.bytes;
    }
  }
  return text;
}

}  // namespace

std::string printable(std::string_view utf8, bool lines) {
  return harmless(utf8, [lines](char32_t c) {
    return lines && (c == '\n' || c == '\t') ? static_cast<char>(c) : '?';
  });
}

std::string terminal_json(std::string_view json) {
  return harmless(json,
                  [](char32_t c) {
                    return fmt::format("\\u{:04x}",
                                       static_cast<std::uint32_t>(c == kBroken ? 0xFFFD : c));
                  }) +
         '\n';
}

std::string fitted(std::string_view utf8, std::size_t width) {
  std::size_t at = 0, count = 0;
  for (; at < utf8.size() && count < width; ++count) at += first_of(utf8.substr(at)).bytes.size();
  return fmt::format("{}{}", utf8.substr(0, at), std::string(width - count, ' '));
}

std::string date_text(std::int64_t unix_time) {
  const std::time_t time = unix_time;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts)};
}

std::string span_text(std::int64_t seconds) {
  if (seconds < 0) return "0 s";
  const std::int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (days > 0) return fmt::format("{} d {} h", days, hours % 24);
  if (hours > 0) return fmt::format("{} h {} min", hours, minutes % 60);
  if (minutes > 0) return fmt::format("{} min {} s", minutes, seconds % 60);
  return fmt::format("{} s", seconds);
}

}  // namespace restante::ctl
