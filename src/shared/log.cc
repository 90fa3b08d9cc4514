// SPDX-License-Identifier: ISC
// The log: formats a line and hands it to the system in one write.
#include "shared/log.h"

#include <fmt/format.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iterator>

namespace restante::log {
namespace {

// The one piece of state that is not passed along: every line of the program goes to one place.
struct Sink {
  std::string program = "restante";
  Level least_important = Level::kInfo;
  bool journal = false;
};

Sink& sink() {
  static Sink the_sink;
  return the_sink;
}

constexpr std::string_view level_name(Level level) {
  switch (level) {
    case Level::kError:
      return "error";
    case Level::kWarning:
      return "warning";
    case Level::kNotice:
      return "notice";
    case Level::kInfo:
      return "info";
    case Level::kDebug:
      return "debug";
  }
  return "";
}

bool is_plain(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; }

void append_quoted(std::string& line, std::string_view value) {
  bool plain = !value.empty();
  for (char c : value) plain = plain && is_plain(c);
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (char c : value) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c >= ' ' && c < 0x7f) {
      line += c;
    } else {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  line += '"';
}

void append_time(std::string& line) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  line.append(text, length);
  fmt::format_to(std::back_inserter(line), ".{:03}Z", ms);
}

void write_line(Level level, std::string_view event, Fields fields) {
  const Sink& out = sink();
  if (level > out.least_important) return;
  std::string line;
  line.reserve(256);
  if (out.journal) {
    fmt::format_to(std::back_inserter(line), "<{}>", static_cast<int>(level));
  } else {
    append_time(line);
    fmt::format_to(std::back_inserter(line), " {:<7} ", level_name(level));
  }
  fmt::format_to(std::back_inserter(line), "{}[{}] event={}", out.program, getpid(), event);
  for (const Field& field : fields) field.append_to(line);
  line += '\n';
  // A line that cannot be written is lost: logging must never hold up mail.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void Field::append_to(std::string& line) const {
  line += ' ';
  line += key_;
  line += '=';
  if (is_number_) {
    fmt::format_to(std::back_inserter(line), "{}", number_);
  } else {
    append_quoted(line, text_);
  }
}

std::string quoted(std::string_view value) {
  std::string text;
  append_quoted(text, value);
  return text;
}

void open(std::string_view program, Level least_important) {
  Sink& out = sink();
  out.program = program;
  out.journal = std::getenv("JOURNAL_STREAM") != nullptr;
  out.least_important = least_important;
}

void set_level(Level least_important) { sink().least_important = least_important; }

void error(std::string_view event, Fields fields) { write_line(Level::kError, event, fields); }
void warning(std::string_view event, Fields fields) { write_line(Level::kWarning, event, fields); }
void notice(std::string_view event, Fields fields) { write_line(Level::kNotice, event, fields); }
void info(std::string_view event, Fields fields) { write_line(Level::kInfo, event, fields); }
void debug(std::string_view event, Fields fields) { write_line(Level::kDebug, event, fields); }

}  // namespace restante::log
