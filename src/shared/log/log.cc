// SPDX-License-Identifier: ISC
#include "shared/log/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "shared/base/packet_socket.h"
#include "shared/log/line.h"
#include "shared/log/shared_file.h"

namespace restante::log {
namespace {

enum class Destination : std::uint8_t { kStandardError, kSyslog, kFile };
enum class Kind : std::uint8_t { kPipe, kSocket, kOther };  // of standard error

Kind kind_of_standard_error() {
  struct stat status{};
  if (fstat(STDERR_FILENO, &status) != 0) return Kind::kOther;
  if (S_ISSOCK(status.st_mode)) return Kind::kSocket;
  return S_ISFIFO(status.st_mode) ? Kind::kPipe : Kind::kOther;
}

// The one piece of state that is not passed along: every line of the program goes to one
// destination.
struct Sink {
  std::string program = "restante";
  pid_t pid = getpid();
  Level least_important = Level::kInfo;
  bool journal = false;
  Destination destination = Destination::kStandardError;
  Kind standard_error = Kind::kOther;
  UniqueFd syslog, reader;
  NumberedFile current;
  bool torn = false;  // the last line is there in part
  std::uint64_t lost = 0;
  bool holds = false;
  std::string held;  // lines
  std::uint64_t held_count = 0;
};

Sink& sink() {
  static Sink the_sink;
  return the_sink;
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

// To the name and not over a connection: a daemon that was started anew listens with another
// socket.
bool send_to_syslog(int socket, std::string_view line) {
  constexpr sockaddr_un kAddress{.sun_family = AF_UNIX, .sun_path = "/dev/log"};
  return sendto(socket, line.data(), line.size(), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&kAddress), sizeof kAddress) >= 0;
}

bool append_to_file(Sink& out, std::string line) {
  if (auto fresh = look_for_file(out.reader.get(), out.current.number)) {
    out.current = std::move(*fresh);
    out.torn = false;
  }
  if (out.torn) line.insert(0, 1, '\n');
  const ssize_t written = ::write(out.current.file.get(), line.data(), line.size());
  if (written > 0) out.torn = line[static_cast<std::size_t>(written) - 1] != '\n';
  return written == static_cast<ssize_t>(line.size());
}

// Lines whole or not at all, and without waiting for their reader. Of a pipe PIPE_BUF is the most
// that lines of several processes do not mix in.
bool write_to_standard_error(const Sink& out, std::string line) {
  if (out.standard_error == Kind::kSocket) {
    iovec payload{line.data(), line.size()};
    return send_packet(STDERR_FILENO, {&payload, 1}, -1);
  }
  constexpr std::string_view kCut = "...\n";
  if (out.standard_error == Kind::kPipe && line.size() > PIPE_BUF) {
    line.replace(PIPE_BUF - kCut.size(), line.npos, kCut);
  }
  return ::write(STDERR_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

bool put_out(Sink& out, std::string lines) {
  switch (out.destination) {
    case Destination::kSyslog:
      return send_to_syslog(out.syslog.get(), lines);
    case Destination::kFile:
      return append_to_file(out, std::move(lines));
    case Destination::kStandardError:
      break;
  }
  return write_to_standard_error(out, std::move(lines));
}

std::string make_line(const Sink& out, Level level, std::string_view event, Fields fields) {
  std::string text;
  text.reserve(256);
  fmt::format_to(std::back_inserter(text), "event={}", event);
  const std::size_t limit = level >= Level::kInfo ? kValueLimit : std::string_view::npos;
  for (const Field& field : fields) field.append_to(text, limit);
  const Event made{.level = level,
                   .program = out.program,
                   .pid = out.pid,
                   .time = std::chrono::system_clock::now(),
                   .text = text};
  if (out.destination == Destination::kSyslog) return syslog_line(made);
  const bool for_journal = out.destination == Destination::kStandardError && out.journal;
  return for_journal ? journal_line(made) : file_line(made);
}

// Lines that cannot be written are lost, and counted: logging must never hold up mail.
void put_out_counted(Sink& out, std::string lines, std::uint64_t count) {
  if (out.lost > 0 &&
      put_out(out, make_line(out, Level::kWarning, "log_lines_lost", {{"lines", out.lost}}))) {
    out.lost = 0;
  }
  if (!put_out(out, std::move(lines))) out.lost += count;
}

void put_out_held(Sink& out) {
  if (out.held_count == 0) return;
  put_out_counted(out, out.held, out.held_count);
  out.held.clear();
  out.held_count = 0;
}

// Held lines never are more than a pipe takes whole.
std::size_t write_line(Level level, std::string_view event, Fields fields) {
  Sink& out = sink();
  if (level > out.least_important) return 0;
  std::string line = make_line(out, level, event, fields);
  const std::size_t size = line.size();
  const bool can_wait =
      out.holds && level >= Level::kInfo && out.destination != Destination::kSyslog;
  if (!can_wait || out.held.size() + line.size() > PIPE_BUF) put_out_held(out);
  if (!can_wait || size > PIPE_BUF) {
    put_out_counted(out, std::move(line), 1);
  } else {
    out.held += line;
    ++out.held_count;
  }
  return size;
}

}  // namespace

void Field::append_to(std::string& line, std::size_t limit) const {
  line += ' ';
  line += key_;
  line += '=';
  if (is_number_) {
    fmt::format_to(std::back_inserter(line), "{}", number_);
  } else if (text_.size() <= limit) {
    append_quoted(line, text_);
  } else {
    append_quoted(line, std::string(text_.substr(0, limit)) + "...");
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
  out.standard_error = kind_of_standard_error();
  out.least_important = least_important;
}

// O_NONBLOCK belongs to what open() made, which whoever started us may share: so it is opened anew.
// Where that is not allowed, a pipe is changed as it is.
void wait_for_no_reader() {
  const bool pipe = kind_of_standard_error() == Kind::kPipe;
  if (!pipe && isatty(STDERR_FILENO) == 0) return;
  const UniqueFd own(
      ::open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (own) {
    dup2(own.get(), STDERR_FILENO);
  } else if (pipe) {
    fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
  }
}

void set_level(Level least_important) { sink().least_important = least_important; }

void to_standard_error() { sink().destination = Destination::kStandardError; }

void to_syslog() {
  sink().syslog.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sink().destination = Destination::kSyslog;
}

void to_file(UniqueFd reader) {
  Sink& out = sink();
  out.reader = std::move(reader);
  out.current = {};
  out.torn = false;
  out.destination = Destination::kFile;
}

void hold() { sink().holds = true; }
void flush() { put_out_held(sink()); }

std::size_t write(Level level, std::string_view event, Fields fields) {
  return write_line(level, event, fields);
}
void error(std::string_view event, Fields fields) { write_line(Level::kError, event, fields); }
void warning(std::string_view event, Fields fields) { write_line(Level::kWarning, event, fields); }
void notice(std::string_view event, Fields fields) { write_line(Level::kNotice, event, fields); }
void info(std::string_view event, Fields fields) { write_line(Level::kInfo, event, fields); }
void debug(std::string_view event, Fields fields) { write_line(Level::kDebug, event, fields); }

}  // namespace restante::log
