// SPDX-License-Identifier: ISC
// What is decided about each process. A test reports events and compares the transcript of the
// decisions. Processes get the pids 101, 102, … in the order in which they are started, and a slot
// of the scoreboard of the same number.
#include "master/process_table.h"

#include <sysexits.h>

#include <csignal>
#include <cstring>
#include <set>
#include <utility>

#include "shared/base/program.h"
#include "testing.h"

namespace restante::master {
namespace {

using namespace std::chrono_literals;
using Time = ProcessTable::Time;

constexpr ProcessExit kClean{};
constexpr ProcessExit status(int number) { return {.by_signal = false, .number = number}; }
constexpr ProcessExit signal(int number) { return {.by_signal = true, .number = number}; }

WorkerSet two_smtpd() {
  return {.roles = {{.program = Program::kSmtpd,
                     .command = {},
                     .count = 2,
                     .inherits = {},
                     .one_for_each = {}}},
          .drain_timeout = 30s,
          .ready_limit = 16s,
          .resources = nullptr};
}

class Recorder : public ProcessActions {
 public:
  std::set<std::string> cannot_start;
  bool can_prepare = true;
  bool board_is_full = false;

  std::string take_transcript() { return std::exchange(transcript_, {}); }

  Result<Started> start(const Role& role, std::uint64_t number, std::uint64_t generation) override {
    const bool fails = cannot_start.contains(std::string(program_name(role.program)));
    add("start {} {} of {}: {}", std::string(program_name(role.program)), number, generation,
        fails ? -1 : ++last_pid_);
    if (fails) return restante::fail(ErrorKind::kSystem, "no memory");
    if (board_is_full) return Started{.pid = last_pid_, .board_slot = {}};
    return Started{.pid = last_pid_, .board_slot = static_cast<std::size_t>(last_pid_)};
  }
  void kill(pid_t pid, int signal) override { add("kill {} {}", pid, signal); }
  void show(std::size_t board_slot, memory::ProcessState state) override {
    add("show {} {}", board_slot,
        state == memory::ProcessState::kFree ? "free" : memory::state_name(state));
  }
  void count(memory::ScoreWord memory::ScoreHead::* counter) override {
    add("count {}", counter == &memory::ScoreHead::deaths           ? "death"
                    : counter == &memory::ScoreHead::failed_reloads ? "failed reload"
                                                                    : "something else");
  }
  Result<WorkerSet> prepare(std::uint64_t generation) override {
    add("prepare {}", generation);
    if (!can_prepare) return restante::fail(ErrorKind::kConfig, "no certificate");
    return two_smtpd();
  }
  void adopt(std::uint64_t generation) override { add("adopt {}", generation); }
  void drain(std::uint64_t generation) override { add("drain {}", generation); }
  void forget(std::uint64_t generation) override { add("forget {}", generation); }
  void stop_workers() override { add("stop workers"); }
  void announce() override { add("announce"); }
  void notify_systemd(ServiceState state, std::string_view status) override {
    add("systemd {}{}",
        state == ServiceState::kReady       ? "ready: "
        : state == ServiceState::kReloading ? "reloading"
                                            : "stopping",
        status);
  }
  void write_log(log::Level level, std::string_view event, log::Fields fields) override {
    std::string text;
    for (const log::Field& field : fields) field.append_to(text);
    add("{} {}{}",
        level == log::Level::kError    ? "error"
        : level == log::Level::kNotice ? "notice"
                                       : "debug",
        event, text);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... arguments) {
    transcript_ += fmt::format(format, std::forward<Args>(arguments)...) + "\n";
  }
  std::string transcript_;
  pid_t last_pid_ = 100;
};

// A table of two smtpd, and of a redis-server if it is asked for.
struct Master {
  Recorder actions;
  ProcessTable table;

  explicit Master(std::vector<Role> auxiliary = {})
      : table(std::move(auxiliary), two_smtpd(), actions) {}

  static std::vector<Role> redis() {
    return {{.program = Program::kRedisServer,
             .command = {},
             .is_worker = false,
             .inherits = {},
             .one_for_each = {}}};
  }

  // What was decided since the last call.
  std::string transcript() { return actions.take_transcript(); }

  void serve() {  // as 101 and 102
    table.advance(0s);
    table.became_ready(101);
    table.became_ready(102);
    (void)transcript();
  }
  void begin_reload(Time now) {  // with 103 and 104
    table.request_reload();
    table.advance(now);
    table.advance(now);
    (void)transcript();
  }
  void finish_reload(Time now) {  // 101 and 102 drain
    begin_reload(now);
    table.became_ready(103);
    table.became_ready(104);
    table.advance(now);
    (void)transcript();
  }
  // -1: there is none.
  [[nodiscard]] std::int64_t deadline() const {
    return table.next_deadline().value_or(Time{-1}).count();
  }
};

TEST(every_process_is_started) {
  Master master;
  assert_same(master.transcript(), "");
  assert_false(master.table.is_finished());  // although no process runs
  assert_int_equal(master.deadline(), 0);
  master.table.advance(5s);
  assert_same(master.transcript(),
              "start smtpd 0 of 1: 101\n"
              "start smtpd 1 of 1: 102\n");
  assert_int_equal(master.deadline(), -1);
  master.table.advance(6s);
  assert_same(master.transcript(), "");
}

TEST(when_all_are_ready_that_is_announced_once) {
  Master master;
  master.table.advance(0s);
  (void)master.transcript();
  master.table.became_ready(102);
  master.table.advance(0s);
  assert_same(master.transcript(), "show 102 ready\n");
  master.table.became_ready(101);
  assert_same(master.transcript(),
              "show 101 ready\n"
              "systemd ready: serving, generation 1, 2 processes\n"
              "notice ready processes=2\n"
              "announce\n");
  master.table.became_ready(101);
  assert_same(master.transcript(), "show 101 ready\n");
}

TEST(pids_that_do_not_run_are_ignored) {
  Master master;
  master.serve();
  master.table.exited(101, signal(SIGKILL), 0s);
  (void)master.transcript();
  for (const pid_t pid : {-1, 0, 101, 999}) {
    master.table.became_ready(pid);
    master.table.exited(pid, signal(SIGKILL), 0s);
  }
  assert_same(master.transcript(), "");
  master.table.advance(0s);
  assert_same(master.transcript(), "start smtpd 0 of 1: 103\n");
}

TEST(a_worker_that_is_killed_before_it_is_ready_is_started_again_after_a_wait) {
  Master master;
  master.table.advance(0s);
  (void)master.transcript();
  master.table.exited(102, signal(SIGKILL), 5s);
  assert_same(master.transcript(),
              "show 102 free\n"
              "count death\n"
              "error process_died role=smtpd number=1 pid=102 signal=9 restart_in_ms=1000\n");
  assert_int_equal(master.deadline(), 6000);
  master.table.advance(5999ms);
  assert_same(master.transcript(), "");
  master.table.advance(6s);
  assert_same(master.transcript(), "start smtpd 1 of 1: 103\n");
  master.table.exited(103, signal(SIGKILL), 6s);
  assert_int_equal(master.deadline(), 8000);
}

TEST(a_first_worker_that_exits_before_all_are_ready_stops_the_whole) {
  for (const auto& [number, expected] :
       {std::pair{EX_CONFIG, EX_CONFIG}, std::pair{1, EXIT_FAILURE}, std::pair{0, EXIT_FAILURE}}) {
    Master master;
    master.table.advance(0s);
    master.table.became_ready(101);
    (void)master.transcript();
    master.table.exited(102, status(number), 5s);
    assert_same(master.transcript(),
                fmt::format("show 102 free\n"
                            "count death\n"
                            "error process_died role=smtpd number=1 pid=102 status={} "
                            "restart_in_ms=1000\n"
                            "systemd stopping\n"
                            "notice stopping\n"
                            "stop workers\n"
                            "show 101 draining\n",
                            number));
    assert_false(master.table.is_finished());
    master.table.exited(101, kClean, 5s);
    assert_true(master.table.is_finished());
    assert_int_equal(master.table.exit_status(), expected);
  }
}

TEST(a_first_worker_that_the_sandbox_kills_before_it_is_ready_stops_the_whole) {
  Master master;
  master.table.advance(0s);
  (void)master.transcript();
  master.table.exited(102, signal(SIGSYS), 5s);
  assert_same(master.transcript(),
              "show 102 free\n"
              "count death\n"
              "error sandbox_broken role=smtpd number=1 pid=102 "
              "what=\"killed by the sandbox: forbidden system call\" "
              "advice=\"see SECURITY in restante(8)\"\n"
              "error process_died role=smtpd number=1 pid=102 signal=31 restart_in_ms=1000\n"
              "systemd stopping\n"
              "notice stopping\n"
              "stop workers\n"
              "show 101 draining\n");
  assert_int_equal(master.table.exit_status(), EXIT_FAILURE);
}

TEST(a_first_worker_that_cannot_be_started_stops_the_whole_at_once) {
  Master master;
  master.actions.cannot_start = {"smtpd"};
  master.table.advance(0s);
  assert_same(master.transcript(),
              "start smtpd 0 of 1: -1\n"
              "error start_failed role=smtpd reason=\"no memory\"\n"
              "systemd stopping\n"
              "notice stopping\n"
              "stop workers\n");
  assert_true(master.table.is_finished());
  assert_int_equal(master.table.exit_status(), EXIT_FAILURE);
}

TEST(a_worker_that_dies_after_it_was_ready_is_replaced_at_once) {
  for (const ProcessExit exit : {signal(SIGSEGV), status(3), kClean}) {
    Master master;
    master.serve();
    master.table.exited(101, exit, 5s);
    assert_same(master.transcript(),
                fmt::format("show 101 free\n"
                            "count death\n"
                            "error process_died role=smtpd number=0 pid=101 {}={} "
                            "restart_in_ms=0\n",
                            exit.by_signal ? "signal" : "status", exit.number));
    master.table.advance(5s);
    assert_same(master.transcript(), "start smtpd 0 of 1: 103\n");
    master.table.became_ready(103);
    assert_same(master.transcript(), "show 103 ready\n");
  }
}

TEST(a_worker_that_the_sandbox_kills_after_it_was_ready_is_replaced_at_once) {
  Master master;
  master.table.advance(0s);
  master.table.became_ready(101);  // and 102 is not: still no reason to stop
  (void)master.transcript();
  master.table.exited(101, signal(SIGSYS), 5s);
  assert_same(master.transcript(),
              "show 101 free\n"
              "count death\n"
              "error sandbox_broken role=smtpd number=0 pid=101 "
              "what=\"killed by the sandbox: forbidden system call\" "
              "advice=\"see SECURITY in restante(8)\"\n"
              "error process_died role=smtpd number=0 pid=101 signal=31 restart_in_ms=0\n");
}

TEST(once_all_were_ready_a_worker_that_cannot_be_started_is_tried_again) {
  Master master;
  master.serve();
  master.table.exited(101, signal(SIGKILL), 5s);
  (void)master.transcript();
  master.actions.cannot_start = {"smtpd"};
  master.table.advance(5s);
  assert_same(master.transcript(),
              "start smtpd 0 of 1: -1\n"
              "error start_failed role=smtpd reason=\"no memory\"\n");
  assert_int_equal(master.deadline(), 6000);
}

TEST(without_a_slot_of_the_scoreboard_nothing_is_shown) {
  Master master;
  master.actions.board_is_full = true;
  master.serve();
  master.table.became_ready(101);
  master.table.exited(101, signal(SIGKILL), 5s);
  assert_same(master.transcript(),
              "count death\n"
              "error process_died role=smtpd number=0 pid=101 signal=9 restart_in_ms=0\n");
}

TEST(a_reload_starts_new_workers_and_drains_the_old_ones_when_all_are_ready) {
  Master master;
  master.serve();
  master.table.request_reload();
  master.table.advance(5s);
  assert_same(master.transcript(),
              "notice reload_started generation=2\n"
              "systemd reloading\n"
              "prepare 2\n");
  assert_int_equal(master.deadline(), 0);
  master.table.advance(6s);
  assert_same(master.transcript(),
              "start smtpd 0 of 2: 103\n"
              "start smtpd 1 of 2: 104\n");
  assert_int_equal(master.deadline(), 21'000);
  master.table.became_ready(104);
  master.table.advance(7s);
  assert_same(master.transcript(), "show 104 ready\n");
  master.table.became_ready(103);
  master.table.advance(8s);
  assert_same(master.transcript(),
              "show 103 ready\n"
              "drain 1\n"
              "show 101 draining\n"
              "show 102 draining\n"
              "adopt 2\n"
              "notice reload_done generation=2 ms=3000\n"
              "systemd ready: serving, generation 2, 2 processes\n");
  assert_int_equal(master.deadline(), 39'000);
  master.table.exited(101, kClean, 9s);
  master.table.advance(9s);
  assert_same(master.transcript(),
              "show 101 free\n"
              "debug ended role=smtpd number=0 pid=101\n");
  master.table.exited(102, kClean, 10s);
  master.table.advance(10s);
  assert_same(master.transcript(),
              "show 102 free\n"
              "debug ended role=smtpd number=1 pid=102\n"
              "notice generation_ended generation=1\n"
              "forget 1\n");
  assert_int_equal(master.deadline(), -1);
}

// After a failure generation 1 serves, and the next reload makes generation 3.
void expect_next_reload(Master& master, Time now) {
  assert_true(master.table.is_healthy());
  master.actions.cannot_start.clear();
  master.actions.can_prepare = true;
  master.table.request_reload();
  master.table.advance(now);
  assert_same(master.transcript(),
              "notice reload_started generation=3\n"
              "systemd reloading\n"
              "prepare 3\n");
}

TEST(a_reload_whose_configuration_is_wrong_changes_nothing) {
  Master master;
  master.serve();
  master.actions.can_prepare = false;
  master.table.request_reload();
  master.table.advance(5s);
  assert_same(master.transcript(),
              "notice reload_started generation=2\n"
              "systemd reloading\n"
              "prepare 2\n"
              "error reload_failed generation=2 reason=\"no certificate\"\n"
              "count failed reload\n"
              "systemd ready: serving, generation 1, 2 processes; the last reload failed: no "
              "certificate\n");
  assert_int_equal(master.deadline(), -1);
  expect_next_reload(master, 6s);
}

TEST(a_reload_fails_if_a_new_worker_cannot_be_started) {
  Master master;
  master.serve();
  master.actions.cannot_start = {"smtpd"};
  master.table.request_reload();
  master.table.advance(5s);
  (void)master.transcript();
  master.table.advance(5s);
  assert_same(master.transcript(),
              "start smtpd 0 of 2: -1\n"
              "error reload_failed generation=2 reason=\"no memory\"\n"
              "drain 2\n"
              "count failed reload\n"
              "systemd ready: serving, generation 1, 2 processes; the last reload failed: no "
              "memory\n"
              "notice generation_ended generation=2\n"
              "forget 2\n");
  expect_next_reload(master, 6s);
}

TEST(a_reload_fails_if_a_new_worker_exits_before_it_is_ready) {
  Master master;
  master.serve();
  master.begin_reload(5s);
  master.table.became_ready(103);
  (void)master.transcript();
  master.table.exited(104, status(3), 6s);
  assert_same(
      master.transcript(),
      "show 104 free\n"
      "count death\n"
      "error reload_failed generation=2 "
      "reason=\"the new smtpd 1 ended with status 3 before it was ready\"\n"
      "drain 2\n"
      "show 103 draining\n"
      "count failed reload\n"
      "systemd ready: serving, generation 1, 2 processes; the last reload failed: the new smtpd 1 "
      "ended with status 3 before it was ready\n");
  master.table.exited(103, kClean, 7s);
  master.table.advance(7s);
  assert_same(master.transcript(),
              "show 103 free\n"
              "debug ended role=smtpd number=0 pid=103\n"
              "notice generation_ended generation=2\n"
              "forget 2\n");
  expect_next_reload(master, 8s);
}

TEST(a_reload_fails_if_the_sandbox_kills_a_new_worker_before_it_is_ready) {
  Master master;
  master.serve();
  master.begin_reload(5s);
  master.table.exited(104, signal(SIGSYS), 6s);
  assert_non_null(std::strstr(master.transcript().c_str(),
                              "reload_failed generation=2 reason=\"the new smtpd 1 ended with "
                              "signal 31 before it was ready\""));
}

TEST(a_reload_fails_if_not_all_new_workers_are_ready_in_time) {
  Master master;
  master.serve();
  master.begin_reload(5s);
  master.table.became_ready(103);
  (void)master.transcript();
  assert_int_equal(master.deadline(), 21'000);
  master.table.advance(20'999ms);
  assert_same(master.transcript(), "");
  master.table.advance(21s);
  assert_same(
      master.transcript(),
      "error reload_failed generation=2 "
      "reason=\"not all of the new workers were ready within 16 s\"\n"
      "drain 2\n"
      "show 103 draining\n"
      "show 104 draining\n"
      "count failed reload\n"
      "systemd ready: serving, generation 1, 2 processes; the last reload failed: not all of the "
      "new workers were ready within 16 s\n");
  master.table.exited(103, kClean, 22s);
  master.table.exited(104, kClean, 22s);
  master.table.advance(22s);
  (void)master.transcript();
  expect_next_reload(master, 23s);
}

TEST(a_new_worker_that_is_killed_during_a_reload_is_replaced) {
  Master master;
  master.serve();
  master.begin_reload(5s);
  master.table.exited(103, signal(SIGKILL), 6s);
  assert_same(master.transcript(),
              "show 103 free\n"
              "count death\n"
              "error process_died role=smtpd number=0 pid=103 signal=9 restart_in_ms=1000\n");
  master.table.advance(7s);
  assert_same(master.transcript(), "start smtpd 0 of 2: 105\n");
}

TEST(a_new_worker_that_exits_after_it_was_ready_is_replaced_and_the_reload_goes_on) {
  Master master;
  master.serve();
  master.begin_reload(5s);
  master.table.became_ready(103);
  (void)master.transcript();
  master.table.exited(103, status(3), 6s);
  assert_same(master.transcript(),
              "show 103 free\n"
              "count death\n"
              "error process_died role=smtpd number=0 pid=103 status=3 restart_in_ms=0\n");
  master.table.advance(6s);
  assert_same(master.transcript(), "start smtpd 0 of 2: 105\n");
}

TEST(signals_during_a_reload_are_one_more_reload_after_it) {
  Master master;
  master.serve();
  master.begin_reload(5s);
  master.table.request_reload();
  master.table.request_reload();
  master.table.became_ready(103);
  master.table.advance(6s);
  assert_same(master.transcript(), "show 103 ready\n");
  master.table.became_ready(104);
  master.table.advance(7s);
  (void)master.transcript();
  master.table.advance(7s);
  assert_same(master.transcript(),
              "notice reload_started generation=3\n"
              "systemd reloading\n"
              "prepare 3\n");
  master.table.advance(8s);
  master.table.became_ready(105);
  master.table.became_ready(106);
  master.table.advance(9s);
  (void)master.transcript();
  master.table.advance(9s);
  assert_same(master.transcript(), "");
}

TEST(a_signal_before_all_are_ready_is_a_reload_once_they_are) {
  Master master;
  master.table.request_reload();
  master.table.advance(0s);
  master.table.became_ready(101);
  master.table.advance(1s);
  (void)master.transcript();
  master.table.became_ready(102);
  (void)master.transcript();
  master.table.advance(2s);
  assert_same(master.transcript(),
              "notice reload_started generation=2\n"
              "systemd reloading\n"
              "prepare 2\n");
}

TEST(a_worker_that_hangs_while_it_drains_is_killed) {
  Master master;
  master.serve();
  master.finish_reload(5s);
  assert_int_equal(master.deadline(), 36'000);
  master.table.exited(101, kClean, 6s);
  (void)master.transcript();
  master.table.advance(35'999ms);
  assert_same(master.transcript(), "");
  master.table.advance(36s);
  assert_same(master.transcript(), "kill 102 9\n");
  assert_int_equal(master.deadline(), 46'000);
  master.table.exited(102, signal(SIGKILL), 37s);
  master.table.advance(37s);
  assert_same(master.transcript(),
              "show 102 free\n"
              "count death\n"
              "error process_died role=smtpd number=1 pid=102 signal=9\n"
              "notice generation_ended generation=1\n"
              "forget 1\n");
}

TEST(a_worker_that_dies_while_it_drains_is_not_replaced) {
  Master master;
  master.serve();
  master.finish_reload(5s);
  master.table.exited(101, status(3), 6s);
  master.table.advance(6s);
  assert_same(master.transcript(),
              "show 101 free\n"
              "count death\n"
              "error process_died role=smtpd number=0 pid=101 status=3\n");
  assert_int_equal(master.deadline(), 36'000);
}

TEST(the_death_of_a_worker_that_drains_and_never_served_is_no_event) {
  Master master;
  master.serve();
  master.begin_reload(5s);
  master.table.exited(104, status(3), 6s);  // the reload fails
  (void)master.transcript();
  master.table.exited(103, signal(SIGTERM), 7s);
  assert_same(master.transcript(),
              "show 103 free\n"
              "debug ended role=smtpd number=0 pid=103\n");
}

TEST(a_worker_that_waits_for_its_start_when_it_would_have_to_drain_is_gone) {
  Master master;
  master.serve();
  master.table.exited(101, signal(SIGKILL), 1s);
  master.table.advance(1s);
  master.table.exited(103, signal(SIGKILL), 1s);  // its next start is in a second
  master.table.request_reload();
  master.table.advance(1s);
  master.table.advance(1s);
  master.table.became_ready(104);
  master.table.became_ready(105);
  master.table.advance(1s);
  (void)master.transcript();
  master.table.exited(102, kClean, 1s);
  master.table.advance(5s);
  assert_same(master.transcript(),
              "show 102 free\n"
              "debug ended role=smtpd number=1 pid=102\n"
              "notice generation_ended generation=1\n"
              "forget 1\n");
}

TEST(a_stop_ends_all_workers_and_replaces_none) {
  Master master;
  master.serve();
  master.table.begin_stop(EXIT_SUCCESS, 5s);
  assert_same(master.transcript(),
              "systemd stopping\n"
              "notice stopping\n"
              "stop workers\n"
              "show 101 draining\n"
              "show 102 draining\n");
  master.table.begin_stop(EXIT_FAILURE, 6s);  // a second SIGTERM
  assert_int_equal(master.deadline(), 36'000);
  master.table.exited(101, signal(SIGSEGV), 7s);
  master.table.request_reload();
  master.table.advance(7s);
  assert_same(master.transcript(),
              "show 101 free\n"
              "debug ended role=smtpd number=0 pid=101\n");
  assert_false(master.table.is_finished());
  master.table.exited(102, kClean, 8s);
  assert_true(master.table.is_finished());
  assert_int_equal(master.table.exit_status(), EXIT_SUCCESS);
}

TEST(workers_that_hang_in_a_stop_are_killed_at_the_end_of_the_grace) {
  Master master;
  master.serve();
  master.table.begin_stop(EXIT_SUCCESS, 5s);
  master.table.exited(101, kClean, 6s);
  (void)master.transcript();
  master.table.advance(35'999ms);
  assert_same(master.transcript(), "");
  master.table.advance(36s);
  assert_same(master.transcript(), "kill 102 9\n");
  assert_int_equal(master.deadline(), 46'000);
  master.table.advance(46s);
  assert_same(master.transcript(), "kill 102 9\n");
  master.table.exited(102, signal(SIGKILL), 47s);
  assert_true(master.table.is_finished());
}

TEST(a_stop_during_a_reload_ends_both_generations) {
  Master master;
  master.serve();
  master.begin_reload(5s);
  master.table.begin_stop(EXIT_SUCCESS, 6s);
  master.table.became_ready(103);
  assert_same(master.transcript(),
              "systemd stopping\n"
              "notice stopping\n"
              "stop workers\n"
              "show 101 draining\n"
              "show 102 draining\n"
              "show 103 draining\n"
              "show 104 draining\n");
  assert_int_equal(master.deadline(), 37'000);  // and not that of the reload
  master.table.became_ready(104);
  master.table.advance(22s);
  assert_same(master.transcript(), "");
  for (const pid_t pid : {101, 102, 103, 104}) master.table.exited(pid, kClean, 23s);
  assert_true(master.table.is_finished());
}

TEST(a_redis_server_counts_as_ready_once_it_runs_and_is_replaced_when_it_dies) {
  Master master(Master::redis());
  master.table.advance(0s);
  assert_same(master.transcript(),
              "start redis-server 0 of 0: 101\n"
              "show 101 ready\n"
              "start smtpd 0 of 1: 102\n"
              "start smtpd 1 of 1: 103\n");
  master.table.became_ready(102);
  master.table.became_ready(103);
  assert_same(master.transcript(),
              "show 102 ready\n"
              "show 103 ready\n"
              "systemd ready: serving, generation 1, 3 processes\n"
              "notice ready processes=3\n"
              "announce\n");
  master.table.exited(101, signal(SIGKILL), 5s);
  assert_false(master.table.is_healthy());
  master.table.advance(5s);
  assert_same(master.transcript(),
              "show 101 free\n"
              "count death\n"
              "error process_died role=redis-server number=0 pid=101 signal=9 restart_in_ms=0\n"
              "start redis-server 0 of 0: 104\n"
              "show 104 ready\n");
  assert_true(master.table.is_healthy());
}

TEST(without_a_redis_server_the_whole_is_not_ready) {
  Master master(Master::redis());
  master.table.advance(0s);
  master.table.exited(101, signal(SIGKILL), 0s);
  master.table.became_ready(102);
  (void)master.transcript();
  master.table.became_ready(103);
  assert_same(master.transcript(), "show 103 ready\n");
  master.table.advance(1s);
  (void)master.transcript();
  master.table.advance(1s);
  assert_same(master.transcript(),
              "systemd ready: serving, generation 1, 3 processes\n"
              "notice ready processes=3\n"
              "announce\n");
}

TEST(a_redis_server_is_stopped_after_the_last_worker) {
  Master master(Master::redis());
  master.table.advance(0s);
  master.table.became_ready(102);
  master.table.became_ready(103);
  master.table.begin_stop(EXIT_SUCCESS, 5s);
  master.table.exited(102, kClean, 6s);
  master.table.advance(6s);
  (void)master.transcript();
  master.table.exited(103, kClean, 7s);
  master.table.advance(7s);
  assert_same(master.transcript(),
              "show 103 free\n"
              "debug ended role=smtpd number=1 pid=103\n"
              "kill 101 15\n");
  master.table.advance(8s);
  assert_same(master.transcript(), "");
  master.table.advance(36s);
  assert_same(master.transcript(), "kill 101 9\n");
  master.table.exited(101, signal(SIGKILL), 37s);
  assert_true(master.table.is_finished());
}

TEST(a_redis_server_waits_for_workers_that_hang) {
  Master master(Master::redis());
  master.table.advance(0s);
  master.table.begin_stop(EXIT_SUCCESS, 5s);
  master.table.exited(102, kClean, 6s);
  (void)master.transcript();
  master.table.advance(36s);
  assert_same(master.transcript(), "kill 103 9\n");
}

TEST(it_is_healthy_while_one_of_each_role_is_ready) {
  Master master;
  master.table.advance(0s);
  assert_false(master.table.is_healthy());
  master.table.became_ready(101);
  assert_true(master.table.is_healthy());
  master.table.became_ready(102);
  master.begin_reload(1s);  // the new workers are not asked
  assert_true(master.table.is_healthy());
  master.table.exited(101, signal(SIGKILL), 2s);
  assert_true(master.table.is_healthy());
  master.table.exited(102, signal(SIGKILL), 2s);
  assert_false(master.table.is_healthy());
}

}  // namespace
}  // namespace restante::master
