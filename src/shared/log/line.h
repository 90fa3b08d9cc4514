// SPDX-License-Identifier: ISC
// How one event looks in each of the places that the log may go to.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "shared/log/log.h"

namespace restante::log {

struct Event {
  Level level;
  std::string_view program;
  pid_t pid;
  std::chrono::system_clock::time_point time;
  std::string_view text;  // the event and its fields
};

// With the time, in UTC, and the level as a word; ends in a line feed. For a file or a terminal.
[[nodiscard]] std::string file_line(const Event& event);
// With the level as sd-daemon(3) has it; the journal knows the time. Ends in a line feed.
[[nodiscard]] std::string journal_line(const Event& event);
// As syslog(3) sends it, with the facility mail and the time of this place; without a line feed.
[[nodiscard]] std::string syslog_line(const Event& event);

}  // namespace restante::log
