// SPDX-License-Identifier: ISC
// Starts the processes, replaces those that die, and ends them.
#include "master/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "master/notify.h"
#include "shared/log/log.h"
#include "shared/memory/rate_table.h"
#include "shared/worker/context.h"

namespace restante::master {

Supervisor::Supervisor(std::vector<Role> auxiliary, WorkerSet first, Scoreboard board)
    : auxiliary_(std::move(auxiliary)), board_(board), first_(std::move(first)) {
  board_.head().started_at.store(static_cast<std::uint64_t>(std::time(nullptr)));
  for (const Role& role : auxiliary_) {
    for (std::uint64_t number = 0; number < role.count; ++number) {
      slots_.push_back({.role = &role, .number = number, .generation = {}});
    }
  }
}

Result<Supervisor::Pipe> Supervisor::make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail(ErrorKind::kSystem, "pipe: {}", errno_text());
  }
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<void> Supervisor::prepare() {
  auto made = make_pipe();
  if (!made) return std::unexpected(made.error());
  ready_ = std::move(*made);
  ++last_generation_;
  if (auto added = add_generation(std::move(first_)); !added) return added;
  current_ = std::exchange(next_, nullptr);
  board_.head().generation.store(current_->number);
  if (const auto period = notify::watchdog_period()) {
    repeat(*period, [this] {
      if (is_healthy()) notify::alive();
    });
  }
  return {};
}

int Supervisor::run(const std::function<void()>& ready) {
  announce_ = ready;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const UniqueFd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (auto done = prepare(); !done || !signal_fd) {
    log::error("start_failed", {{"reason", done ? errno_text() : done.error().what}});
    return EXIT_FAILURE;
  }
  while (!stopping_ || !all_gone()) {
    start_due();
    repeat_due();
    wait_for_event(signal_fd.get());
    take_signals(signal_fd.get());
    take_ready_words();
    continue_reload();
    continue_draining();
    continue_stop();
  }
  return exit_status_;
}

bool Supervisor::all_gone() const {
  return std::ranges::all_of(slots_, [](const Slot& slot) { return slot.pid < 0; });
}

void Supervisor::start_due() {
  if (stopping_) return;
  const Time now = monotonic_now();
  for (Slot& slot : slots_) {
    if (slot.state == State::kWaiting && slot.start_at <= now) start(slot);
  }
}

void Supervisor::repeat(std::chrono::milliseconds period, std::function<void()> job) {
  repeated_.push_back({period, std::move(job), monotonic_now() + period});
}

void Supervisor::repeat_due() {
  const Time now = monotonic_now();
  for (Repeated& repeated : repeated_) {
    if (repeated.next > now) continue;
    repeated.next = now + repeated.period;
    repeated.job();
  }
}

void Supervisor::start(Slot& slot) {
  const Role& role = *slot.role;
  std::vector<std::string> command = role.command;
  std::vector<Inherited> inherited = role.inherits;
  const std::uint64_t generation = slot.generation ? slot.generation->number : 0;
  slot.on_board = board_.take(program_named(role.name), slot.number, generation);
  if (role.is_worker) {
    command.push_back(std::to_string(slot.number));
    if (slot.on_board) command.push_back(std::to_string(*slot.on_board));
    if (!role.one_for_each.empty()) inherited.push_back(role.one_for_each.at(slot.number));
    inherited.push_back({fd_name::kLife, slot.generation->life.reader.get()});
    inherited.push_back({fd_name::kReady, ready_.writer.get()});
  }
  const Time now = monotonic_now();
  slot.policy.started(now);
  const auto pid = spawn(command, inherited, /*die_with_us=*/!role.is_worker);
  if (!pid) {
    leave_board(slot);
    slot.start_at = slot.policy.ended(false, now);
    if (next_ && slot.generation == next_) return give_up_reload(pid.error().what);
    log::error("start_failed", {{"role", role.name}, {"reason", pid.error().what}});
    if (!announced_) begin_stop(EXIT_FAILURE);
    return;
  }
  slot.pid = *pid;
  if (slot.on_board) board_.started(*slot.on_board, static_cast<std::uint64_t>(*pid));
  if (!role.is_worker) show(slot, ProcessState::kReady);
  slot.state = role.is_worker ? State::kStarting : State::kReady;
  log::debug("started", {{"role", role.name}, {"number", slot.number}, {"pid", *pid}});
}

void Supervisor::wait_for_event(int signal_fd) {
  int timeout = -1;
  const Time now = monotonic_now();
  const auto until = [&](Time time) {
    const auto left = std::max<std::int64_t>(0, (time - now).count());
    if (timeout < 0 || left < timeout)
      timeout = static_cast<int>(std::min<std::int64_t>(left, 60000));
  };
  for (const Slot& slot : slots_) {
    if (!stopping_ && slot.state == State::kWaiting) until(slot.start_at);
  }
  for (const Repeated& repeated : repeated_) until(repeated.next);
  for (const auto& generation : leaving_) until(generation->kill_at);
  if (next_) until(next_->begun + next_->workers.ready_limit);
  if (stopping_) until(kill_at_);
  pollfd watched[] = {{signal_fd, POLLIN, 0}, {ready_.reader.get(), POLLIN, 0}};
  poll(watched, std::size(watched), timeout);
}

void Supervisor::take_ready_words() {
  pid_t pid = 0;
  while (read(ready_.reader.get(), &pid, sizeof pid) == static_cast<ssize_t>(sizeof pid)) {
    const auto slot = std::ranges::find(slots_, pid, &Slot::pid);
    if (slot == slots_.end()) continue;
    slot->state = State::kReady;
    const bool leaving = slot->generation && slot->generation->leaving;
    if (!stopping_ && !leaving) show(*slot, ProcessState::kReady);
  }
  if (announced_ || stopping_) return;
  if (!serves(current_.get()) || !serves(nullptr)) return;
  announced_ = true;
  notify::ready(status());
  log::notice("ready", {{"processes", slots_.size()}});
  announce_();
}

void Supervisor::take_signals(int signal_fd) {
  signalfd_siginfo info{};
  while (read(signal_fd, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    switch (info.ssi_signo) {
      case SIGCHLD:
        reap();
        break;
      case SIGHUP:
        reload_wanted_ = true;
        break;
      case SIGUSR1:
        reopen_();
        break;
      default:
        begin_stop(EXIT_SUCCESS);
    }
  }
}

void Supervisor::show(const Slot& slot, ProcessState state) const {
  if (slot.on_board) board_.is_now(*slot.on_board, state);
}

void Supervisor::leave_board(Slot& slot) const {
  if (slot.on_board) board_.release(*slot.on_board);
  slot.on_board.reset();
}

void Supervisor::reap() {
  int wait_status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;) {
    const auto slot = std::ranges::find(slots_, pid, &Slot::pid);
    if (slot != slots_.end()) ended(*slot, wait_status);
  }
}

void Supervisor::log_broken_sandbox(const Slot& slot, pid_t pid) {
  log::error("sandbox_broken",
             {{"role", slot.role->name},
              {"number", slot.number},
              {"pid", pid},
              {"what", "it made a system call that it has no use for, and was killed"},
              {"advice", "see SECURITY in restante(8)"}});
}

void Supervisor::ended(Slot& slot, int wait_status) {
  // Its word may still be in the pipe: a worker that was ready and died at once was ready.
  take_ready_words();
  const bool was_ready = slot.state == State::kReady;
  const pid_t pid = std::exchange(slot.pid, -1);
  leave_board(slot);
  const bool leaving = slot.generation && slot.generation->leaving;
  if (stopping_ || (leaving && (wait_status == 0 || !was_ready))) {
    slot.state = State::kGone;
    log::debug("ended", {{"role", slot.role->name}, {"number", slot.number}, {"pid", pid}});
    return;
  }
  board_.head().deaths.fetch_add(1);
  const bool by_signal = WIFSIGNALED(wait_status);
  const int how = by_signal ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  const bool broke_out = by_signal && how == SIGSYS;
  if (broke_out) log_broken_sandbox(slot, pid);
  // By itself, or because the sandbox does not fit this system: nobody else has knocked it over.
  const bool own_fault = !by_signal || (broke_out && !was_ready);
  if (leaving) {
    slot.state = State::kGone;  // others serve, so it is not replaced
    return log::error("process_died", {{"role", slot.role->name},
                                       {"number", slot.number},
                                       {"pid", pid},
                                       {by_signal ? "signal" : "status", how}});
  }
  if (next_ && slot.generation == next_ && !was_ready && own_fault) {
    // As at the first start, the fault is in what was set up. Its own line says more.
    return give_up_reload(fmt::format("the new {} {} ended with {} {} before it was ready",
                                      slot.role->name, slot.number, by_signal ? "signal" : "status",
                                      how));
  }
  slot.state = State::kWaiting;
  slot.start_at = slot.policy.ended(was_ready, monotonic_now());
  log::error("process_died", {{"role", slot.role->name},
                              {"number", slot.number},
                              {"pid", pid},
                              {by_signal ? "signal" : "status", how},
                              {"restart_in_ms", (slot.start_at - monotonic_now()).count()}});
  // Before everything has run once, the fault is in what was set up: say so and go.
  if (!announced_ && own_fault) begin_stop(how == EX_CONFIG ? EX_CONFIG : EXIT_FAILURE);
}

void Supervisor::begin_stop(int exit_status) {
  if (stopping_) return;
  stopping_ = true;
  exit_status_ = exit_status;
  // Workers end open transactions within drain_timeout by themselves; a second more, and they hang.
  kill_at_ = monotonic_now() + current_->workers.drain_timeout + std::chrono::seconds(1);
  notify::stopping();
  log::notice("stopping");
  for (const Slot& slot : slots_) {
    if (!slot.generation) continue;
    slot.generation->life.writer.reset();
    show(slot, ProcessState::kDraining);
  }
}

// Workers first, since they still need Redis; then what is none; force where time is up.
void Supervisor::continue_stop() {
  if (!stopping_) return;
  const bool workers_gone = std::ranges::all_of(
      slots_, [](const Slot& slot) { return slot.pid < 0 || !slot.role->is_worker; });
  const bool late = monotonic_now() >= kill_at_;
  for (Slot& slot : slots_) {
    if (slot.pid < 0) continue;
    if (slot.role->is_worker) {
      if (late) kill(slot.pid, SIGKILL);
    } else if (workers_gone && slot.state != State::kGone) {
      slot.state = State::kGone;
      kill(slot.pid, SIGTERM);
    } else if (late && workers_gone) {
      kill(slot.pid, SIGKILL);
    }
  }
  if (late) kill_at_ = monotonic_now() + std::chrono::seconds(10);
}

}  // namespace restante::master
