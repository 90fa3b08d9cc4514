// SPDX-License-Identifier: ISC
// Lines in the form of each place, and files that are changed under a program that writes.
#include "shared/log/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>

#include "shared/base/file.h"
#include "shared/base/unique_fd.h"
#include "shared/log/line.h"
#include "shared/log/shared_file.h"
#include "testing.h"

namespace {

using namespace restante;
using std::chrono::milliseconds;
using std::chrono::system_clock;

log::Event event_of(log::Level level) {
  return {.level = level,
          .program = "restante-smtpd",
          .pid = 42,
          .time = system_clock::time_point(milliseconds(1796083201007)),
          .text = "event=mail_stored to=alice@example.com"};
}

TEST(a_line_of_a_file_has_time_level_and_program) {
  assert_same(file_line(event_of(log::Level::kInfo)),
              "2026-12-01T00:00:01.007Z info    restante-smtpd[42] "
              "event=mail_stored to=alice@example.com\n");
}

TEST(a_line_of_the_journal_has_a_priority_alone) {
  assert_same(journal_line(event_of(log::Level::kWarning)),
              "<4>restante-smtpd[42] event=mail_stored to=alice@example.com\n");
}

TEST(a_line_of_syslog_has_the_facility_mail_and_local_time) {
  setenv("TZ", "XYZ-2", 1);
  tzset();
  assert_same(syslog_line(event_of(log::Level::kInfo)),
              "<22>Dec  1 02:00:01 restante-smtpd[42]: event=mail_stored to=alice@example.com");
  assert_true(syslog_line(event_of(log::Level::kError)).starts_with("<19>"));
  assert_true(syslog_line(event_of(log::Level::kDebug)).starts_with("<23>"));
}

UniqueFd new_file() {
  std::string name = "/tmp/restante-log-test.XXXXXX";
  UniqueFd file(mkostemp(name.data(), O_APPEND));
  unlink(name.c_str());
  return file;
}

// What has been written, without what differs from run to run: from "event=" on.
std::string events_in(const UniqueFd& file) {
  std::string text = read_all(file.get()).value_or("");
  std::string events;
  for (std::size_t at = 0; (at = text.find("event=", at)) != std::string::npos;) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
    events += text.substr(at, end + 1 - at);
    at = end;
  }
  return events;
}

UniqueFd copy_of(int fd) { return UniqueFd(dup(fd)); }

struct Files {
  Result<log::SharedFile> box = log::SharedFile::make();
  UniqueFd first = new_file(), second = new_file();

  Files() {
    (void)box->put(first.get());
    log::open("test", log::Level::kInfo);
    log::to_file(copy_of(box->for_reading()));
  }
  ~Files() { log::to_standard_error(); }
};

std::pair<std::string, std::string> written_around_a_change() {
  Files files;
  log::info("one", {{"odd", "a\nb"}});
  (void)files.box->put(files.second.get());
  log::info("two");
  log::debug("unseen");
  log::info("three");
  return {events_in(files.first), events_in(files.second)};
}

TEST(the_next_line_goes_to_the_file_that_was_put_in) {
  const auto [first, second] = written_around_a_change();
  assert_same(first, "event=one odd=\"a\\x0ab\"\n");
  assert_same(second, "event=two\nevent=three\n");
}

TEST(a_box_has_the_last_file_however_many_were_put_in) {
  auto box = log::SharedFile::make();
  assert_false(log::look_for_file(box->for_reading(), 0).has_value());
  int puts = 0;
  for (; puts < 2000; ++puts) {
    if (!box->put(STDERR_FILENO)) break;
  }
  assert_int_equal(puts, 2000);
  const auto file = new_file();
  assert_true(box->put(file.get()).has_value());
  const auto found = log::look_for_file(box->for_reading(), 2000);
  assert_true(found.has_value() && found->number == 2001);
  assert_int_equal(write(found->file.get(), "x", 1), 1);
  assert_same(read_all(file.get()).value(), "x");
  assert_false(log::look_for_file(box->for_reading(), 2001).has_value());
}

// A limit of the file's size is as good as a full disk: a write ends in the middle of a line.
std::pair<std::string, std::ptrdiff_t> written_past_a_limit() {
  Files files;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  log::info("one");
  const std::size_t size = read_all(files.first.get()).value_or("").size();
  const rlimit tight{size + 20, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  log::info("two");
  log::info("three");
  setrlimit(RLIMIT_FSIZE, &before);
  log::info("four");
  log::info("five");
  const std::string text = read_all(files.first.get()).value_or("");
  return {events_in(files.first), std::ranges::count(text, '\n')};
}

TEST(lost_lines_are_counted_and_a_torn_one_spoils_no_other) {
  const auto [events, lines] = written_past_a_limit();
  assert_same(events, "event=one\nevent=log_lines_lost lines=2\nevent=four\nevent=five\n");
  assert_int_equal(lines, 5);  // and the torn one
}

std::string written_with_an_empty_box() {
  auto box = log::SharedFile::make();
  const auto file = new_file();
  log::open("test", log::Level::kInfo);
  log::to_file(copy_of(box->for_reading()));
  log::info("one");
  (void)box->put(file.get());
  log::info("two");
  log::to_standard_error();
  return events_in(file);
}

TEST(without_a_file_lines_are_lost_and_nothing_else) {
  assert_same(written_with_an_empty_box(), "event=log_lines_lost lines=1\nevent=two\n");
}

// A pipe in the place of standard error, and this process its only reader.
class Pipe {
 public:
  Pipe() : standard_error_(dup(STDERR_FILENO)) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    reader_.reset(ends[0]);
    dup2(ends[1], STDERR_FILENO);
    writer_.reset(ends[1]);
  }
  ~Pipe() { leave(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void leave() { dup2(standard_error_.get(), STDERR_FILENO); }
  [[nodiscard]] bool shared_end_waits() const {
    return (fcntl(writer_.get(), F_GETFL) & O_NONBLOCK) == 0;
  }
  std::string read_some() {
    std::string text(1U << 20U, '\0');
    text.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, read(reader_.get(), text.data(), text.size()))));
    return text;
  }

 private:
  UniqueFd standard_error_, reader_, writer_;
};

struct PipeOutcome {
  std::string first, second;
  bool shared_end_waits;
};

PipeOutcome written_to_a_full_pipe() {
  Pipe pipe;
  log::wait_for_no_reader();
  log::open("test", log::Level::kInfo);
  for (int i = 0; i < 100; ++i) log::notice("long", {{"text", std::string(10'000, 'x')}});
  const std::string first = pipe.read_some();
  log::info("short");
  const std::string second = pipe.read_some();
  pipe.leave();
  log::open("test", log::Level::kInfo);
  return {first, second, pipe.shared_end_waits()};
}

TEST(a_pipe_that_nobody_reads_holds_up_nobody_and_has_whole_lines) {
  const auto [first, second, shared_end_waits] = written_to_a_full_pipe();
  assert_true(shared_end_waits);
  std::size_t lines = 0;
  for (std::string_view left = first; !left.empty(); ++lines) {
    const std::string_view line = left.substr(0, left.find('\n') + 1);
    assert_int_equal(line.size(), PIPE_BUF);
    assert_true(line.contains(" event=long text=xxx") && line.ends_with("x...\n"));
    left.remove_prefix(line.size());
  }
  assert_in_range(lines, 1, 99);
  assert_true(second.contains("event=log_lines_lost lines=" + std::to_string(100 - lines) + "\n"));
  assert_true(second.ends_with("event=short\n"));
}

TEST(lines_that_are_held_come_together_and_in_order) {
  Files files;
  log::hold();
  log::info("one");
  log::info("two");
  assert_same(events_in(files.first), "");
  log::flush();
  assert_same(events_in(files.first), "event=one\nevent=two\n");
  log::info("three");
  log::warning("four");  // which does not wait, and so neither does what came before
  assert_same(events_in(files.first), "event=one\nevent=two\nevent=three\nevent=four\n");
  const std::string text(log::kValueLimit, 'x');
  for (int i = 0; i < 3; ++i) {
    log::info("long", {{"a", text},
                       {"b", text},
                       {"c", text},
                       {"d", text},
                       {"e", text},
                       {"f", text},
                       {"g", text},
                       {"h", text}});
  }
  assert_int_equal(read_all(files.first.get()).value().size() / PIPE_BUF, 1);
  log::flush();
  log::flush();
  assert_int_equal(read_all(files.first.get()).value().size() / (PIPE_BUF / 2), 3);
}

TEST(a_long_value_is_cut_where_clients_are_told_of) {
  Files files;
  log::info("a", {{"text", std::string(256, 'x')}});
  log::info("b", {{"text", std::string(257, 'x')}});
  log::warning("c", {{"text", std::string(257, 'x')}});
  assert_same(events_in(files.first), "event=a text=" + std::string(256, 'x') +
                                          "\nevent=b text=" + std::string(256, 'x') +
                                          "...\nevent=c text=" + std::string(257, 'x') + "\n");
}

TEST(held_lines_that_are_lost_are_counted) {
  Pipe pipe;
  log::wait_for_no_reader();
  log::open("test", log::Level::kInfo);
  for (int i = 0; i < 100'000; ++i) log::info("line");
  log::flush();
  const std::string first = pipe.read_some();
  const auto lines = static_cast<std::size_t>(std::ranges::count(first, '\n'));
  log::info("last");
  log::flush();
  const std::string second = pipe.read_some();
  pipe.leave();
  log::open("test", log::Level::kInfo);
  assert_true(first.ends_with('\n'));
  assert_true(second.contains("lines=" + std::to_string(100'000 - lines) + "\n"));
  assert_true(second.ends_with("event=last\n"));
}

}  // namespace
