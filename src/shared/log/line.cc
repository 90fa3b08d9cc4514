// SPDX-License-Identifier: ISC
#include "shared/log/line.h"

#include <fmt/format.h>

#include <ctime>
#include <iterator>

namespace restante::log {
namespace {

using std::chrono::system_clock;

constexpr int kFacilityMail = 2 << 3;  // RFC 3164 section 4.1.1

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

// Formats are too slow here: they took a third of the time of a line.
void append_number(std::string& out, long number, std::size_t digits) {
  out.append(digits, '0');
  for (auto place = out.rbegin(); number > 0 && digits-- > 0; number /= 10) {
    *place++ = static_cast<char>('0' + number % 10);
  }
}

void append_utc_time(std::string& out, system_clock::time_point time) {
  const std::time_t seconds = system_clock::to_time_t(time);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  append_number(out, utc.tm_year + 1900, 4);
  append_number(out += '-', utc.tm_mon + 1, 2);
  append_number(out += '-', utc.tm_mday, 2);
  append_number(out += 'T', utc.tm_hour, 2);
  append_number(out += ':', utc.tm_min, 2);
  append_number(out += ':', utc.tm_sec, 2);
  append_number(out += '.', ms, 3);
  out += 'Z';
}

std::string local_time(system_clock::time_point time) {
  const std::time_t seconds = system_clock::to_time_t(time);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%b %e %H:%M:%S", &local)};
}

}  // namespace

std::string file_line(const Event& event) {
  constexpr std::size_t kLevelWidth = 7;
  const std::string_view level = level_name(event.level);
  std::string line;
  line.reserve(event.text.size() + event.program.size() + 64);
  append_utc_time(line, event.time);
  line.append(1, ' ').append(level).append(kLevelWidth - level.size() + 1, ' ');
  line.append(event.program).append(1, '[').append(std::to_string(event.pid)).append("] ");
  line.append(event.text).append(1, '\n');
  return line;
}

std::string journal_line(const Event& event) {
  return fmt::format("<{}>{}[{}] {}\n", static_cast<int>(event.level), event.program, event.pid,
                     event.text);
}

std::string syslog_line(const Event& event) {
  return fmt::format("<{}>{} {}[{}]: {}", kFacilityMail | static_cast<int>(event.level),
                     local_time(event.time), event.program, event.pid, event.text);
}

}  // namespace restante::log
