// SPDX-License-Identifier: ISC
#include "ctl/text.h"

#include <fmt/format.h>

#include <cstdlib>
#include <ctime>

namespace restante::ctl {
namespace {

std::size_t length_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return std::min(length, text.size() - at);
}

// U+0000 to U+001F, U+007F to U+009F, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
bool commands(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7f;
  if (character.size() == 2) return byte(0) == 0xc2 && byte(1) < 0xa0;
  if (character.size() != 3 || byte(0) != 0xe2) return false;
  if (byte(1) == 0x80) {
    return byte(2) == 0x8e || byte(2) == 0x8f || (byte(2) >= 0xaa && byte(2) <= 0xae);
  }
  return byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9;
}

}  // namespace

std::string printable(std::string_view utf8, bool lines) {
  std::string text;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::string_view character = utf8.substr(at, length_at(utf8, at));
    at += character.size();
    const bool kept = lines && (character == "\n" || character == "\t");
    text += !kept && commands(character) ? "?" : character;
  }
  return text;
}

std::string fitted(std::string_view utf8, std::size_t width) {
  std::size_t at = 0, count = 0;
  for (; at < utf8.size() && count < width; ++count) at += length_at(utf8, at);
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
