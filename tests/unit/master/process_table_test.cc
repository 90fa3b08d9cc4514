// SPDX-License-Identifier: ISC
// What is decided about each process. A test reports an event and compares the transcript of the
// decisions on it. Processes get the pids 101, 102, … in the order in which they are started, and a
// slot of the scoreboard of the same number.
#include "master/process_table.h"

#include <sysexits.h>

#include <csignal>
#include <set>
#include <type_traits>
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
  return {.roles = {{.program = Program::kSmtpd, .count = 2}},
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
    for (const log::Field& field : fields) field.append_to(text, log::kValueLimit);
    add("{} {}{}",
        level == log::Level::kError    ? "error"
        : level == log::Level::kNotice ? "notice"
                                       : "debug",
        event, text);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... arguments) {
    if (!transcript_.empty()) transcript_ += " | ";
    transcript_ += fmt::format(format, std::forward<Args>(arguments)...);
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
    return {{.program = Program::kRedisServer, .is_worker = false}};
  }

  // Each reports an event, and returns what is decided on it.
  std::string advance(Time now) { return after(&ProcessTable::advance, now); }
  std::string ready(pid_t pid) { return after(&ProcessTable::became_ready, pid); }
  std::string exited(pid_t pid, ProcessExit exit, Time now) {
    return after(&ProcessTable::exited, pid, exit, now);
  }
  std::string reload() { return after(&ProcessTable::request_reload); }
  std::string stop(int status, Time now) { return after(&ProcessTable::begin_stop, status, now); }

  void serve() {  // as 101 and 102
    advance(0s);
    ready(101);
    ready(102);
  }
  void begin_reload(Time now) {  // with 103 and 104
    reload();
    advance(now);
    advance(now);
  }
  // -1: there is none.
  [[nodiscard]] std::int64_t deadline() const {
    return table.next_deadline().value_or(Time{-1}).count();
  }

 private:
  template <class... Args>
  std::string after(void (ProcessTable::*event)(Args...), std::type_identity_t<Args>... arguments) {
    (table.*event)(arguments...);
    return actions.take_transcript();
  }
};

struct ServingMaster : Master {
  ServingMaster() { serve(); }
};

struct ReloadingMaster : ServingMaster {
  ReloadingMaster() { begin_reload(5s); }
};

struct DrainingMaster : ReloadingMaster {  // 103 and 104 serve, and 101 and 102 drain
  DrainingMaster() {
    ready(103);
    ready(104);
    advance(5s);
  }
};

// Decisions that belong together.
constexpr const char* kStopping = "systemd stopping | notice stopping | stop workers";
constexpr const char* kStartFailed =
    "start smtpd 0 of 1: -1 | error start_failed role=smtpd reason=\"no memory\"";

std::string died(int number, pid_t pid, std::string_view how) {
  return fmt::format(
      "show {1} free | count death | error process_died role=smtpd number={0} pid={1} {2}", number,
      pid, how);
}

std::string killed_by_sandbox(int number, pid_t pid, std::string_view then) {
  return fmt::format(
      "show {1} free | count death | error sandbox_broken role=smtpd number={0} pid={1} "
      "what=\"killed by the sandbox: forbidden system call\" "
      "advice=\"see SECURITY in restante(8)\" | "
      "error process_died role=smtpd number={0} pid={1} signal=31 {2}",
      number, pid, then);
}

std::string ended(int number, pid_t pid) {
  return fmt::format("show {1} free | debug ended role=smtpd number={0} pid={1}", number, pid);
}

std::string generation_ended(int generation) {
  return fmt::format("notice generation_ended generation={0} | forget {0}", generation);
}

std::string ready_to_serve(int processes) {
  return fmt::format(
      "systemd ready: serving, generation 1, {0} processes | notice ready processes={0} | announce",
      processes);
}

std::string reload_started(int generation) {
  return fmt::format("notice reload_started generation={0} | systemd reloading | prepare {0}",
                     generation);
}

std::string reload_failed(std::string_view why, std::string_view drained) {
  return fmt::format(
      "error reload_failed generation=2 reason=\"{0}\" | {1}count failed reload | "
      "systemd ready: serving, generation 1, 2 processes; the last reload failed: {0}",
      why, drained);
}

TEST(every_process_is_started) {
  Master master;
  assert_same(master.actions.take_transcript(), "");
  assert_false(master.table.is_finished());  // although no process runs
  assert_int_equal(master.deadline(), 0);
  assert_same(master.advance(5s), "start smtpd 0 of 1: 101 | start smtpd 1 of 1: 102");
  assert_int_equal(master.deadline(), -1);
  assert_same(master.advance(6s), "");
}

TEST(when_all_are_ready_that_is_announced_once) {
  Master master;
  master.advance(0s);
  assert_same(master.ready(102), "show 102 ready");
  assert_same(master.advance(0s), "");
  assert_same(master.ready(101), "show 101 ready | " + ready_to_serve(2));
  assert_same(master.ready(101), "show 101 ready");
}

TEST(pids_that_do_not_run_are_ignored) {
  ServingMaster master;
  master.exited(101, signal(SIGKILL), 0s);
  for (const pid_t pid : {-1, 0, 101, 999}) {
    assert_same(master.ready(pid), "");
    assert_same(master.exited(pid, signal(SIGKILL), 0s), "");
  }
  assert_same(master.advance(0s), "start smtpd 0 of 1: 103");
}

TEST(a_worker_that_is_killed_before_it_is_ready_is_started_again_after_a_wait) {
  Master master;
  master.advance(0s);
  assert_same(master.exited(102, signal(SIGKILL), 5s), died(1, 102, "signal=9 restart_in_ms=1000"));
  assert_int_equal(master.deadline(), 6000);
  assert_same(master.advance(5999ms), "");
  assert_same(master.advance(6s), "start smtpd 1 of 1: 103");
  master.exited(103, signal(SIGKILL), 6s);
  assert_int_equal(master.deadline(), 8000);
}

TEST(a_first_worker_that_exits_before_all_are_ready_stops_the_whole) {
  for (const auto& [number, expected] :
       {std::pair{EX_CONFIG, EX_CONFIG}, std::pair{1, EXIT_FAILURE}, std::pair{0, EXIT_FAILURE}}) {
    Master master;
    master.advance(0s);
    master.ready(101);
    assert_same(master.exited(102, status(number), 5s),
                died(1, 102, fmt::format("status={} restart_in_ms=1000", number)) + " | " +
                    kStopping + " | show 101 draining");
    assert_false(master.table.is_finished());
    master.exited(101, kClean, 5s);
    assert_true(master.table.is_finished());
    assert_int_equal(master.table.exit_status(), expected);
  }
}

TEST(a_first_worker_that_the_sandbox_kills_before_it_is_ready_stops_the_whole) {
  Master master;
  master.advance(0s);
  assert_same(
      master.exited(102, signal(SIGSYS), 5s),
      killed_by_sandbox(1, 102, "restart_in_ms=1000") + " | " + kStopping + " | show 101 draining");
  assert_int_equal(master.table.exit_status(), EXIT_FAILURE);
}

TEST(a_first_worker_that_cannot_be_started_stops_the_whole_at_once) {
  Master master;
  master.actions.cannot_start = {"smtpd"};
  assert_same(master.advance(0s), fmt::format("{} | {}", kStartFailed, kStopping));
  assert_true(master.table.is_finished());
  assert_int_equal(master.table.exit_status(), EXIT_FAILURE);
}

TEST(a_worker_that_dies_after_it_was_ready_is_replaced_at_once) {
  for (const auto& [exit, how] :
       {std::pair{signal(SIGSEGV), "signal=11"}, {status(3), "status=3"}, {kClean, "status=0"}}) {
    ServingMaster master;
    assert_same(master.exited(101, exit, 5s), died(0, 101, fmt::format("{} restart_in_ms=0", how)));
    assert_same(master.advance(5s), "start smtpd 0 of 1: 103");
    assert_same(master.ready(103), "show 103 ready");
  }
}

TEST(a_worker_that_the_sandbox_kills_after_it_was_ready_is_replaced_at_once) {
  Master master;
  master.advance(0s);
  master.ready(101);  // and 102 is not: still no reason to stop
  assert_same(master.exited(101, signal(SIGSYS), 5s), killed_by_sandbox(0, 101, "restart_in_ms=0"));
}

TEST(once_all_were_ready_a_worker_that_cannot_be_started_is_tried_again) {
  ServingMaster master;
  master.exited(101, signal(SIGKILL), 5s);
  master.actions.cannot_start = {"smtpd"};
  assert_same(master.advance(5s), kStartFailed);
  assert_int_equal(master.deadline(), 6000);
}

TEST(without_a_slot_of_the_scoreboard_nothing_is_shown) {
  Master master;
  master.actions.board_is_full = true;
  master.serve();
  assert_same(master.ready(101), "");
  assert_same(master.exited(101, signal(SIGKILL), 5s),
              "count death | "
              "error process_died role=smtpd number=0 pid=101 signal=9 restart_in_ms=0");
}

TEST(a_reload_starts_new_workers_and_drains_the_old_ones_when_all_are_ready) {
  ServingMaster master;
  assert_same(master.reload(), "");
  assert_same(master.advance(5s), reload_started(2));
  assert_int_equal(master.deadline(), 0);
  assert_same(master.advance(6s), "start smtpd 0 of 2: 103 | start smtpd 1 of 2: 104");
  assert_int_equal(master.deadline(), 21'000);
  assert_same(master.ready(104), "show 104 ready");
  assert_same(master.advance(7s), "");
  assert_same(master.ready(103), "show 103 ready");
  assert_same(master.advance(8s),
              "drain 1 | show 101 draining | show 102 draining | adopt 2 | "
              "notice reload_done generation=2 ms=3000 | "
              "systemd ready: serving, generation 2, 2 processes");
  assert_int_equal(master.deadline(), 39'000);
  assert_same(master.exited(101, kClean, 9s), ended(0, 101));
  assert_same(master.advance(9s), "");
  assert_same(master.exited(102, kClean, 10s), ended(1, 102));
  assert_same(master.advance(10s), generation_ended(1));
  assert_int_equal(master.deadline(), -1);
}

// After a failure generation 1 serves, and the next reload makes generation 3.
void expect_next_reload(Master& master, Time now) {
  assert_true(master.table.is_healthy());
  master.actions.cannot_start.clear();
  master.actions.can_prepare = true;
  assert_same(master.reload(), "");
  assert_same(master.advance(now), reload_started(3));
}

TEST(a_reload_whose_configuration_is_wrong_changes_nothing) {
  ServingMaster master;
  master.actions.can_prepare = false;
  master.reload();
  assert_same(master.advance(5s), reload_started(2) + " | " + reload_failed("no certificate", ""));
  assert_int_equal(master.deadline(), -1);
  expect_next_reload(master, 6s);
}

TEST(a_reload_fails_if_a_new_worker_cannot_be_started) {
  ServingMaster master;
  master.actions.cannot_start = {"smtpd"};
  master.reload();
  master.advance(5s);
  assert_same(master.advance(5s), "start smtpd 0 of 2: -1 | " +
                                      reload_failed("no memory", "drain 2 | ") + " | " +
                                      generation_ended(2));
  expect_next_reload(master, 6s);
}

TEST(a_reload_fails_if_a_new_worker_exits_before_it_is_ready) {
  ReloadingMaster master;
  master.ready(103);
  assert_same(master.exited(104, status(3), 6s),
              "show 104 free | count death | " +
                  reload_failed("the new smtpd 1 ended with status 3 before it was ready",
                                "drain 2 | show 103 draining | "));
  assert_same(master.exited(103, kClean, 7s), ended(0, 103));
  assert_same(master.advance(7s), generation_ended(2));
  expect_next_reload(master, 8s);
}

TEST(a_reload_fails_if_the_sandbox_kills_a_new_worker_before_it_is_ready) {
  ReloadingMaster master;
  assert_true(
      master.exited(104, signal(SIGSYS), 6s)
          .contains(reload_failed("the new smtpd 1 ended with signal 31 before it was ready",
                                  "drain 2 | show 103 draining | ")));
}

TEST(a_reload_fails_if_not_all_new_workers_are_ready_in_time) {
  ReloadingMaster master;
  master.ready(103);
  assert_int_equal(master.deadline(), 21'000);
  assert_same(master.advance(20'999ms), "");
  assert_same(master.advance(21s),
              reload_failed("not all of the new workers were ready within 16 s",
                            "drain 2 | show 103 draining | show 104 draining | "));
  master.exited(103, kClean, 22s);
  master.exited(104, kClean, 22s);
  master.advance(22s);
  expect_next_reload(master, 23s);
}

TEST(a_new_worker_that_is_killed_during_a_reload_is_replaced) {
  ReloadingMaster master;
  assert_same(master.exited(103, signal(SIGKILL), 6s), died(0, 103, "signal=9 restart_in_ms=1000"));
  assert_same(master.advance(7s), "start smtpd 0 of 2: 105");
}

TEST(a_new_worker_that_exits_after_it_was_ready_is_replaced_and_the_reload_goes_on) {
  ReloadingMaster master;
  master.ready(103);
  assert_same(master.exited(103, status(3), 6s), died(0, 103, "status=3 restart_in_ms=0"));
  assert_same(master.advance(6s), "start smtpd 0 of 2: 105");
}

TEST(signals_during_a_reload_are_one_more_reload_after_it) {
  ReloadingMaster master;
  assert_same(master.reload(), "");
  assert_same(master.reload(), "");
  assert_same(master.ready(103), "show 103 ready");
  assert_same(master.advance(6s), "");
  master.ready(104);
  master.advance(7s);
  assert_same(master.advance(7s), reload_started(3));
  master.advance(8s);
  master.ready(105);
  master.ready(106);
  master.advance(9s);
  assert_same(master.advance(9s), "");
}

TEST(a_signal_before_all_are_ready_is_a_reload_once_they_are) {
  Master master;
  master.reload();
  master.advance(0s);
  master.ready(101);
  master.advance(1s);
  master.ready(102);
  assert_same(master.advance(2s), reload_started(2));
}

TEST(a_worker_that_hangs_while_it_drains_is_killed) {
  DrainingMaster master;
  assert_int_equal(master.deadline(), 36'000);
  master.exited(101, kClean, 6s);
  assert_same(master.advance(35'999ms), "");
  assert_same(master.advance(36s), "kill 102 9");
  assert_int_equal(master.deadline(), 46'000);
  assert_same(master.exited(102, signal(SIGKILL), 37s), died(1, 102, "signal=9"));
  assert_same(master.advance(37s), generation_ended(1));
}

TEST(a_worker_that_dies_while_it_drains_is_not_replaced) {
  DrainingMaster master;
  assert_same(master.exited(101, status(3), 6s), died(0, 101, "status=3"));
  assert_same(master.advance(6s), "");
  assert_int_equal(master.deadline(), 36'000);
}

TEST(the_death_of_a_worker_that_drains_and_never_served_is_no_event) {
  ReloadingMaster master;
  master.exited(104, status(3), 6s);  // the reload fails
  assert_same(master.exited(103, signal(SIGTERM), 7s), ended(0, 103));
}

TEST(a_worker_that_waits_for_its_start_when_it_would_have_to_drain_is_gone) {
  ServingMaster master;
  master.exited(101, signal(SIGKILL), 1s);
  master.advance(1s);
  master.exited(103, signal(SIGKILL), 1s);  // its next start is in a second
  master.begin_reload(1s);
  master.ready(104);
  master.ready(105);
  master.advance(1s);
  assert_same(master.exited(102, kClean, 1s), ended(1, 102));
  assert_same(master.advance(5s), generation_ended(1));
}

TEST(a_stop_ends_all_workers_and_replaces_none) {
  ServingMaster master;
  assert_same(master.stop(EXIT_SUCCESS, 5s),
              fmt::format("{} | show 101 draining | show 102 draining", kStopping));
  assert_same(master.stop(EXIT_FAILURE, 6s), "");  // a second SIGTERM
  assert_int_equal(master.deadline(), 36'000);
  assert_same(master.exited(101, signal(SIGSEGV), 7s), ended(0, 101));
  assert_same(master.reload(), "");
  assert_same(master.advance(7s), "");
  assert_false(master.table.is_finished());
  master.exited(102, kClean, 8s);
  assert_true(master.table.is_finished());
  assert_int_equal(master.table.exit_status(), EXIT_SUCCESS);
}

TEST(workers_that_hang_in_a_stop_are_killed_at_the_end_of_the_grace) {
  ServingMaster master;
  master.stop(EXIT_SUCCESS, 5s);
  master.exited(101, kClean, 6s);
  assert_same(master.advance(35'999ms), "");
  assert_same(master.advance(36s), "kill 102 9");
  assert_int_equal(master.deadline(), 46'000);
  assert_same(master.advance(46s), "kill 102 9");
  master.exited(102, signal(SIGKILL), 47s);
  assert_true(master.table.is_finished());
}

TEST(a_stop_during_a_reload_ends_both_generations) {
  ReloadingMaster master;
  assert_same(master.stop(EXIT_SUCCESS, 6s),
              fmt::format("{} | show 101 draining | show 102 draining | show 103 draining | "
                          "show 104 draining",
                          kStopping));
  assert_same(master.ready(103), "");
  assert_int_equal(master.deadline(), 37'000);  // and not that of the reload
  assert_same(master.ready(104), "");
  assert_same(master.advance(22s), "");
  for (const pid_t pid : {101, 102, 103, 104}) master.exited(pid, kClean, 23s);
  assert_true(master.table.is_finished());
}

TEST(a_redis_server_counts_as_ready_once_it_runs_and_is_replaced_when_it_dies) {
  Master master(Master::redis());
  assert_same(master.advance(0s),
              "start redis-server 0 of 0: 101 | show 101 ready | "
              "start smtpd 0 of 1: 102 | start smtpd 1 of 1: 103");
  assert_same(master.ready(102), "show 102 ready");
  assert_same(master.ready(103), "show 103 ready | " + ready_to_serve(3));
  assert_same(master.exited(101, signal(SIGKILL), 5s),
              "show 101 free | count death | "
              "error process_died role=redis-server number=0 pid=101 signal=9 restart_in_ms=0");
  assert_false(master.table.is_healthy());
  assert_same(master.advance(5s), "start redis-server 0 of 0: 104 | show 104 ready");
  assert_true(master.table.is_healthy());
}

TEST(without_a_redis_server_the_whole_is_not_ready) {
  Master master(Master::redis());
  master.advance(0s);
  master.exited(101, signal(SIGKILL), 0s);
  master.ready(102);
  assert_same(master.ready(103), "show 103 ready");
  master.advance(1s);
  assert_same(master.advance(1s), ready_to_serve(3));
}

TEST(a_redis_server_is_stopped_after_the_last_worker) {
  Master master(Master::redis());
  master.advance(0s);
  master.ready(102);
  master.ready(103);
  master.stop(EXIT_SUCCESS, 5s);
  master.exited(102, kClean, 6s);
  master.advance(6s);
  assert_same(master.exited(103, kClean, 7s), ended(1, 103));
  assert_same(master.advance(7s), "kill 101 15");
  assert_same(master.advance(8s), "");
  assert_same(master.advance(36s), "kill 101 9");
  master.exited(101, signal(SIGKILL), 37s);
  assert_true(master.table.is_finished());
}

TEST(a_redis_server_waits_for_workers_that_hang) {
  Master master(Master::redis());
  master.advance(0s);
  master.stop(EXIT_SUCCESS, 5s);
  master.exited(102, kClean, 6s);
  assert_same(master.advance(36s), "kill 103 9");
}

TEST(it_is_healthy_while_one_of_each_role_is_ready) {
  Master master;
  master.advance(0s);
  assert_false(master.table.is_healthy());
  master.ready(101);
  assert_true(master.table.is_healthy());
  master.ready(102);
  master.begin_reload(1s);  // the new workers are not asked
  assert_true(master.table.is_healthy());
  master.exited(101, signal(SIGKILL), 2s);
  assert_true(master.table.is_healthy());
  master.exited(102, signal(SIGKILL), 2s);
  assert_false(master.table.is_healthy());
}

}  // namespace
}  // namespace restante::master
