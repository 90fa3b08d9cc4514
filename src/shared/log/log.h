// SPDX-License-Identifier: ISC
// The log: one event, one line, key=value, printable ASCII only.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "shared/base/unique_fd.h"

namespace restante::log {

// The numbers are syslog's, RFC 5424 section 6.2.1.
enum class Level : std::uint8_t {
  kError = 3,    // needs a human
  kWarning = 4,  // works, but not as it should
  kNotice = 5,   // start, stop, reload
  kInfo = 6,     // one line a mail, a client, a refusal
  kDebug = 7,    // the dialogue
};

// Octets of a value that a line of kInfo or kDebug has at most; of a longer one the beginning and
// "...". Those lines have what clients sent.
inline constexpr std::size_t kValueLimit = 256;

// One key=value. A value that is text is quoted and escaped as needed, so that nothing that a
// client sent can break a line or look like another field. Keeps a view: the value must outlive the
// call.
class Field {
 public:
  constexpr Field(std::string_view key, std::string_view text) : key_(key), text_(text) {}
  constexpr Field(std::string_view key, const char* text) : key_(key), text_(text) {}
  Field(std::string_view key, const std::string& text) : key_(key), text_(text) {}
  template <std::integral T>
  constexpr Field(std::string_view key, T number)
      : key_(key), number_(static_cast<std::int64_t>(number)), is_number_(true) {}

  // Of a text at most `limit` octets.
  void append_to(std::string& line, std::size_t limit) const;

 private:
  std::string_view key_;
  std::string_view text_;
  std::int64_t number_ = 0;
  bool is_number_ = false;
};

using Fields = std::initializer_list<Field>;

// To be called once, at start: names the program and says what is worth a line. Under systemd
// (JOURNAL_STREAM is set) lines carry a <level> prefix (sd-daemon(3)); else a time stamp.
void open(std::string_view program, Level least_important);
void set_level(Level least_important);

// For the first process, at its start: from here on neither it nor those that it starts wait for
// whoever reads standard error (a pipe, a terminal that was stopped). A line that has no room is
// lost, and counted. Other programs that have the same pipe notice nothing.
void wait_for_no_reader();

// Where the lines go from here on, instead of standard error. The journal's prefix is for that
// alone.
void to_standard_error();
void to_syslog();               // whoever listens at /dev/log, whenever there is somebody
void to_file(UniqueFd reader);  // to the SharedFile of which this is the reading end

// From hold() on lines of kInfo and kDebug are put together until flush(), which a process has to
// call before it waits for anything; a line that matters more takes all before it along at once.
void hold();
void flush();

// Writes one event, if its level is one that is wanted. Returns the bytes of its line.
std::size_t write(Level level, std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});
void warning(std::string_view event, Fields fields = {});
void notice(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void debug(std::string_view event, Fields fields = {});

// The value as the log writes it: bare where it is plain, else in double quotes with \xNN escapes.
[[nodiscard]] std::string quoted(std::string_view value);

}  // namespace restante::log
