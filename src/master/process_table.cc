// SPDX-License-Identifier: ISC
#include "master/process_table.h"

#include <sysexits.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace restante::master {
namespace {

// A worker drains within drain_timeout by itself. One that needs this much longer hangs.
constexpr std::chrono::seconds kGrace{1};
// How long after a SIGKILL the next one follows. A redis-server that is stopped after killed
// workers has this long.
constexpr std::chrono::seconds kKillAgain{10};

std::string_view exit_name(ProcessExit exit) { return exit.by_signal ? "signal" : "status"; }

}  // namespace

ProcessTable::ProcessTable(std::vector<Role> auxiliary, WorkerSet first, ProcessActions& actions)
    : auxiliary_(std::move(auxiliary)), actions_(actions), last_generation_(kFirstGeneration) {
  add_processes(auxiliary_, nullptr);
  current_ = add_generation(std::move(first), Time{0});
}

void ProcessTable::add_processes(const std::vector<Role>& roles, const Generation* generation) {
  for (const Role& role : roles) {
    for (std::uint64_t number = 0; number < role.count; ++number) {
      processes_.push_back({.role = &role, .number = number, .generation = generation});
    }
  }
}

ProcessTable::Generation* ProcessTable::add_generation(WorkerSet workers, Time begun) {
  generations_.push_back(
      {.number = last_generation_, .workers = std::move(workers), .begun = begun});
  add_processes(generations_.back().workers.roles, &generations_.back());
  return &generations_.back();
}

// The stop comes last: a process that cannot be started may have begun it. A reload comes after the
// starts, because prepare() takes its time: the new workers start at the next call, with its time.
void ProcessTable::advance(Time now) {
  announce_when_ready();
  start_due(now);
  continue_reload(now);
  continue_draining(now);
  continue_stop(now);
}

std::optional<ProcessTable::Time> ProcessTable::next_deadline() const {
  if (stopping_) return kill_at_;
  std::optional<Time> earliest;
  const auto consider = [&earliest](Time time) {
    earliest = std::min(earliest.value_or(time), time);
  };
  for (const Process& process : processes_) {
    if (process.state == State::kWaiting) consider(process.start_at);
  }
  for (const Generation& generation : generations_) {
    if (generation.draining) consider(generation.kill_at);
  }
  if (next_ != nullptr) consider(next_->begun + next_->workers.ready_limit);
  return earliest;
}

void ProcessTable::start_due(Time now) {
  for (Process& process : processes_) {
    if (stopping_) return;
    if (process.state == State::kWaiting && process.start_at <= now) start(process, now);
  }
}

void ProcessTable::start(Process& process, Time now) {
  const Role& role = *process.role;
  const Generation* generation = process.generation;
  process.policy.started(now);
  const auto started =
      actions_.start(role, process.number, generation != nullptr ? generation->number : 0);
  if (!started) {
    process.start_at = process.policy.ended(/*was_ready=*/false, now);
    if (next_ != nullptr && generation == next_) return give_up_reload(started.error().what, now);
    actions_.write_log(log::Level::kError, "start_failed",
                       {{"role", program_name(role.program)}, {"reason", started.error().what}});
    if (!announced_) begin_stop(EXIT_FAILURE, now);
    return;
  }
  process.pid = started->pid;
  process.board_slot = started->board_slot;
  process.state = role.is_worker ? State::kStarting : State::kReady;
  if (!role.is_worker) show(process, memory::ProcessState::kReady);
}

ProcessTable::Process* ProcessTable::find_running(pid_t pid) {
  const auto found = std::ranges::find(processes_, pid, &Process::pid);
  return pid > 0 && found != processes_.end() ? &*found : nullptr;
}

void ProcessTable::became_ready(pid_t pid) {
  Process* process = find_running(pid);
  if (process == nullptr) return;
  process->state = State::kReady;
  if (!stopping_ && !process->drains()) show(*process, memory::ProcessState::kReady);
  announce_when_ready();
}

void ProcessTable::announce_when_ready() {
  if (announced_ || stopping_) return;
  if (!all_are(State::kReady, current_) || !all_are(State::kReady, nullptr)) return;
  announced_ = true;
  actions_.notify_systemd(ServiceState::kReady, status());
  actions_.write_log(log::Level::kNotice, "ready", {{"processes", processes_.size()}});
  actions_.announce();
}

void ProcessTable::show(Process& process, memory::ProcessState state) {
  if (process.board_slot) actions_.show(*process.board_slot, state);
  if (state == memory::ProcessState::kFree) process.board_slot.reset();
}

void ProcessTable::exited(pid_t pid, ProcessExit exit, Time now) {
  Process* process = find_running(pid);
  if (process == nullptr) return;
  process->pid = -1;
  show(*process, memory::ProcessState::kFree);
  const bool is_clean = !exit.by_signal && exit.number == EXIT_SUCCESS;
  const bool is_expected = process->drains() && (is_clean || process->state != State::kReady);
  if (!stopping_ && !is_expected) return died(*process, pid, exit, now);
  process->state = State::kGone;
  actions_.write_log(
      log::Level::kDebug, "ended",
      {{"role", program_name(process->role->program)}, {"number", process->number}, {"pid", pid}});
}

void ProcessTable::log_broken_sandbox(const Process& process, pid_t pid) {
  actions_.write_log(log::Level::kError, "sandbox_broken",
                     {{"role", program_name(process.role->program)},
                      {"number", process.number},
                      {"pid", pid},
                      {"what", "killed by the sandbox: forbidden system call"},
                      {"advice", "see SECURITY in restante(8)"}});
}

// Nobody told the process to exit.
void ProcessTable::died(Process& process, pid_t pid, ProcessExit exit, Time now) {
  const Role& role = *process.role;
  const bool was_ready = process.state == State::kReady;
  actions_.count(&memory::ScoreHead::deaths);
  const bool by_sandbox = exit.by_signal && exit.number == SIGSYS;
  if (by_sandbox) log_broken_sandbox(process, pid);
  if (process.drains()) {
    process.state = State::kGone;  // the workers of another generation serve in its place
    return actions_.write_log(log::Level::kError, "process_died",
                              {{"role", program_name(role.program)},
                               {"number", process.number},
                               {"pid", pid},
                               {exit_name(exit), exit.number}});
  }
  // It exited by itself, or the sandbox does not fit this system. No client did that.
  const bool own_fault = !exit.by_signal || (by_sandbox && !was_ready);
  if (next_ != nullptr && process.generation == next_ && !was_ready && own_fault) {
    // As at the first start, the fault is in what was prepared. The worker's own line says more.
    return give_up_reload(
        fmt::format("the new {} {} ended with {} {} before it was ready",
                    program_name(role.program), process.number, exit_name(exit), exit.number),
        now);
  }
  process.state = State::kWaiting;
  process.start_at = process.policy.ended(was_ready, now);
  actions_.write_log(log::Level::kError, "process_died",
                     {{"role", program_name(role.program)},
                      {"number", process.number},
                      {"pid", pid},
                      {exit_name(exit), exit.number},
                      {"restart_in_ms", (process.start_at - now).count()}});
  if (!announced_ && own_fault) {
    begin_stop(exit.number == EX_CONFIG ? EX_CONFIG : EXIT_FAILURE, now);
  }
}

void ProcessTable::continue_reload(Time now) {
  if (!announced_ || stopping_) return;
  if (next_ == nullptr && std::exchange(reload_wanted_, false)) begin_reload(now);
  if (next_ == nullptr) return;
  if (all_are(State::kReady, next_)) return finish_reload(now);
  if (now < next_->begun + next_->workers.ready_limit) return;
  give_up_reload(fmt::format("not all of the new workers were ready within {} s",
                             next_->workers.ready_limit.count() / 1000),
                 now);
}

void ProcessTable::begin_reload(Time now) {
  ++last_generation_;
  actions_.write_log(log::Level::kNotice, "reload_started", {{"generation", last_generation_}});
  actions_.notify_systemd(ServiceState::kReloading, "");
  auto workers = actions_.prepare(last_generation_);
  if (!workers) return give_up_reload(workers.error().what, now);
  next_ = add_generation(std::move(*workers), now);
}

void ProcessTable::finish_reload(Time now) {
  drain(*std::exchange(current_, std::exchange(next_, nullptr)), now);
  actions_.adopt(current_->number);
  actions_.write_log(log::Level::kNotice, "reload_done",
                     {{"generation", current_->number}, {"ms", (now - current_->begun).count()}});
  actions_.notify_systemd(ServiceState::kReady, status());
}

void ProcessTable::give_up_reload(std::string_view reason, Time now) {
  actions_.write_log(log::Level::kError, "reload_failed",
                     {{"generation", last_generation_}, {"reason", reason}});
  if (next_ != nullptr) drain(*std::exchange(next_, nullptr), now);
  actions_.count(&memory::ScoreHead::failed_reloads);
  actions_.notify_systemd(ServiceState::kReady,
                          fmt::format("{}; the last reload failed: {}", status(), reason));
}

void ProcessTable::drain(Generation& generation, Time now) {
  generation.draining = true;
  generation.kill_at = now + generation.workers.drain_timeout + kGrace;
  actions_.drain(generation.number);
  for (Process& process : processes_) {
    if (process.generation != &generation) continue;
    if (process.pid < 0) process.state = State::kGone;
    show(process, memory::ProcessState::kDraining);
  }
}

void ProcessTable::continue_draining(Time now) {
  if (stopping_) return;
  for (Generation& generation : generations_) {
    if (!generation.draining || now < generation.kill_at) continue;
    generation.kill_at = now + kKillAgain;
    for (const Process& process : processes_) {
      if (process.generation == &generation && process.pid >= 0) {
        actions_.kill(process.pid, SIGKILL);
      }
    }
  }
  std::erase_if(generations_, [this](const Generation& generation) {
    if (!generation.draining || !all_are(State::kGone, &generation)) return false;
    std::erase_if(processes_, [&generation](const Process& process) {
      return process.generation == &generation;
    });
    actions_.write_log(log::Level::kNotice, "generation_ended",
                       {{"generation", generation.number}});
    actions_.forget(generation.number);
    return true;
  });
}

void ProcessTable::begin_stop(int exit_status, Time now) {
  if (stopping_) return;
  stopping_ = true;
  exit_status_ = exit_status;
  kill_at_ = now + current_->workers.drain_timeout + kGrace;
  actions_.notify_systemd(ServiceState::kStopping, "");
  actions_.write_log(log::Level::kNotice, "stopping", {});
  actions_.stop_workers();
  for (Process& process : processes_) {
    if (process.generation != nullptr) show(process, memory::ProcessState::kDraining);
  }
}

void ProcessTable::continue_stop(Time now) {
  if (!stopping_) return;
  const bool workers_gone = std::ranges::all_of(processes_, [](const Process& process) {
    return process.pid < 0 || !process.role->is_worker;
  });
  const bool is_late = now >= kill_at_;
  for (Process& process : processes_) {
    if (process.pid < 0) continue;
    if (process.role->is_worker) {
      if (is_late) actions_.kill(process.pid, SIGKILL);
    } else if (workers_gone && process.state != State::kGone) {
      process.state = State::kGone;
      actions_.kill(process.pid, SIGTERM);
    } else if (workers_gone && is_late) {
      actions_.kill(process.pid, SIGKILL);
    }
  }
  if (is_late) kill_at_ = now + kKillAgain;
}

bool ProcessTable::is_finished() const {
  return stopping_ &&
         std::ranges::all_of(processes_, [](const Process& process) { return process.pid < 0; });
}

bool ProcessTable::all_are(State state, const Generation* generation) const {
  return std::ranges::all_of(processes_, [state, generation](const Process& process) {
    return process.generation != generation || process.state == state;
  });
}

bool ProcessTable::is_healthy() const {
  return std::ranges::all_of(processes_, [this](const Process& process) {
    if (process.generation != nullptr && process.generation != current_) return true;
    return std::ranges::any_of(processes_, [&process](const Process& other) {
      return other.role == process.role && other.state == State::kReady;
    });
  });
}

std::string ProcessTable::status() const {
  const auto count = std::ranges::count_if(processes_, [this](const Process& process) {
    return process.generation == nullptr || process.generation == current_;
  });
  return fmt::format("serving, generation {}, {} processes", current_->number, count);
}

}  // namespace restante::master
