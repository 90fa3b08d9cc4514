// SPDX-License-Identifier: ISC
#include "master/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "shared/base/clock.h"
#include "shared/base/program.h"
#include "shared/worker/context.h"

namespace restante::master {

Supervisor::Supervisor(std::vector<Role> auxiliary, WorkerSet first, memory::Scoreboard board)
    : board_(board), table_(std::move(auxiliary), std::move(first), *this) {
  board_.head().started_at.store(static_cast<std::uint64_t>(std::time(nullptr)));
}

void Supervisor::repeat(std::chrono::milliseconds period, std::function<void()> job) {
  repeated_.push_back({period, std::move(job), monotonic_now() + period});
}

void Supervisor::on_reload(Prepare prepare, std::function<void()> adopt) {
  prepare_ = std::move(prepare);
  adopt_ = std::move(adopt);
}

int Supervisor::run(const std::function<void()>& ready) {
  announce_ = ready;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const UniqueFd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (auto made = make_pipes(); !made || !signal_fd) {
    log::error("start_failed", {{"reason", made ? errno_text() : made.error().what}});
    return EXIT_FAILURE;
  }
  board_.head().generation.store(ProcessTable::kFirstGeneration);
  watch_health();
  table_.advance(monotonic_now());
  while (!table_.is_finished()) {
    repeat_due();
    wait_for_event(signal_fd.get());
    read_signals(signal_fd.get());
    read_ready_pipe();
    table_.advance(monotonic_now());
  }
  return table_.exit_status();
}

Result<Supervisor::Pipe> Supervisor::make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail(ErrorKind::kSystem, "pipe: {}", errno_text());
  }
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<void> Supervisor::make_pipes() {
  for (Pipe* pipe : {&ready_, &life_[ProcessTable::kFirstGeneration]}) {
    auto made = make_pipe();
    if (!made) return std::unexpected(made.error());
    *pipe = std::move(*made);
  }
  return {};
}

void Supervisor::watch_health() {
  if (const auto period = notify::watchdog_period()) {
    repeat(*period, [this] {
      if (table_.is_healthy()) notify::alive();
    });
  }
}

void Supervisor::repeat_due() {
  const Time now = monotonic_now();
  for (Repeated& repeated : repeated_) {
    if (repeated.next > now) continue;
    repeated.next = now + repeated.period;
    repeated.job();
  }
}

void Supervisor::wait_for_event(int signal_fd) {
  constexpr Time kLongest = std::chrono::minutes(1);
  const Time now = monotonic_now();
  Time until = table_.next_deadline().value_or(now + kLongest);
  for (const Repeated& repeated : repeated_) until = std::min(until, repeated.next);
  const Time timeout = std::clamp(until - now, Time{0}, kLongest);
  pollfd watched[] = {{signal_fd, POLLIN, 0}, {ready_.reader.get(), POLLIN, 0}};
  poll(watched, std::size(watched), static_cast<int>(timeout.count()));
}

void Supervisor::read_ready_pipe() {
  pid_t pid = 0;
  while (read(ready_.reader.get(), &pid, sizeof pid) == static_cast<ssize_t>(sizeof pid)) {
    table_.became_ready(pid);
  }
}

void Supervisor::read_signals(int signal_fd) {
  signalfd_siginfo info{};
  while (read(signal_fd, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    switch (info.ssi_signo) {
      case SIGCHLD:
        reap();
        break;
      case SIGHUP:
        table_.request_reload();
        break;
      case SIGUSR1:
        reopen_();
        break;
      default:
        table_.begin_stop(EXIT_SUCCESS, monotonic_now());
    }
  }
}

void Supervisor::reap() {
  int wait_status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;) {
    // A worker that became ready and died at once may have its pid still in the pipe.
    read_ready_pipe();
    const bool by_signal = WIFSIGNALED(wait_status);
    const int number = by_signal ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    table_.exited(pid, {.by_signal = by_signal, .number = number}, monotonic_now());
  }
}

Result<ProcessActions::Started> Supervisor::start(const Role& role, std::uint64_t number,
                                                  std::uint64_t generation) {
  std::vector<std::string> command = role.command;
  std::vector<Inherited> inherited = role.inherits;
  const auto board_slot = board_.acquire(role.program, number, generation);
  if (role.is_worker) {
    command.push_back(std::to_string(number));
    if (board_slot) command.push_back(std::to_string(*board_slot));
    if (!role.one_for_each.empty()) inherited.push_back(role.one_for_each.at(number));
    inherited.push_back({worker::fd_name::kLife, life_.at(generation).reader.get()});
    inherited.push_back({worker::fd_name::kReady, ready_.writer.get()});
  }
  const auto pid = spawn(command, inherited, /*die_with_us=*/!role.is_worker, role.confine);
  if (!pid) {
    if (board_slot) board_.release(*board_slot);
    return std::unexpected(pid.error());
  }
  if (board_slot) board_.started(*board_slot, static_cast<std::uint64_t>(*pid));
  log::debug("started", {{"role", program_name(role.program)}, {"number", number}, {"pid", *pid}});
  return Started{.pid = *pid, .board_slot = board_slot};
}

void Supervisor::kill(pid_t pid, int signal) { ::kill(pid, signal); }

void Supervisor::show(std::size_t board_slot, memory::ProcessState state) {
  if (state == memory::ProcessState::kFree) return board_.release(board_slot);
  board_.is_now(board_slot, state);
}

Result<WorkerSet> Supervisor::prepare(std::uint64_t generation) {
  auto workers = prepare_(generation);
  if (!workers) return workers;
  auto life = make_pipe();
  if (!life) return std::unexpected(life.error());
  life_[generation] = std::move(*life);
  return workers;
}

void Supervisor::adopt(std::uint64_t generation) {
  adopt_();
  board_.head().generation.store(generation);
  board_.head().reloads.fetch_add(1);
}

void Supervisor::drain(std::uint64_t generation) {
  const char byte = 0;
  [[maybe_unused]] const ssize_t written =
      write(life_.at(generation).writer.get(), &byte, sizeof byte);
}

void Supervisor::stop_workers() {
  for (auto& [generation, life] : life_) life.writer.reset();
}

void Supervisor::write_log(log::Level level, std::string_view event, log::Fields fields) {
  log::write(level, event, fields);
}

}  // namespace restante::master
