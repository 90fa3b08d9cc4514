// SPDX-License-Identifier: ISC
// How one event looks in each of the places that the log may go to.
#include "shared/log_line.h"

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

std::string time_text(const char* format, const std::tm& time) {
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &time)};
}

std::string utc_time(system_clock::time_point time) {
  const std::time_t seconds = system_clock::to_time_t(time);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{}.{:03}Z", time_text("%Y-%m-%dT%H:%M:%S", utc), ms);
}

std::string local_time(system_clock::time_point time) {
  const std::time_t seconds = system_clock::to_time_t(time);
  std::tm local{};
  localtime_r(&seconds, &local);
  return time_text("%b %e %H:%M:%S", local);
}

}  // namespace

std::string file_line(const Event& event) {
  return fmt::format("{} {:<7} {}[{}] {}\n", utc_time(event.time), level_name(event.level),
                     event.program, event.pid, event.text);
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
