// SPDX-License-Identifier: ISC
// Decides which processes run: when each of them is started, replaced, drained and killed.
//
// ProcessTable is the half of the master that decides, and Supervisor is the half that acts. The
// table makes no system call and reads no clock. Events and the time are its arguments, and its
// decisions are calls of ProcessActions. So a unit test drives it row by row.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "master/notify.h"
#include "master/restart_policy.h"
#include "master/spawn.h"
#include "shared/base/error.h"
#include "shared/base/program.h"
#include "shared/log/log.h"
#include "shared/memory/scoreboard.h"

namespace restante::master {

// One kind of process, and how to start it.
struct Role {
  Program program;
  std::vector<std::string> command;
  std::uint64_t count = 1;
  // A worker belongs to a generation, reports when it is ready, and exits when it is told to drain.
  // An auxiliary process (redis-server) counts as ready once it runs. No reload concerns it, and it
  // gets SIGTERM after the last worker has exited, because workers need it until then.
  bool is_worker = true;
  std::vector<Inherited> inherits;      // for each process of the role
  std::vector<Inherited> one_for_each;  // process n gets the n-th alone; empty, or `count` of them
  std::function<Result<void>()> confine = {};  // see spawn()
};

// The workers of one configuration: those of a generation.
struct WorkerSet {
  std::vector<Role> roles;
  std::chrono::milliseconds drain_timeout;  // a worker that drains exits within this time
  std::chrono::milliseconds ready_limit;    // a reload fails if not all are ready within this time
  std::shared_ptr<const void> resources;    // owns what the roles refer to
};

// How a process ended.
struct ProcessExit {
  bool by_signal = false;
  int number = 0;  // of the signal, or the exit status
};

// Carries out what a ProcessTable decides. No function may call the table.
class ProcessActions {
 public:
  struct Started {
    pid_t pid;
    std::optional<std::size_t> board_slot;  // nothing: the scoreboard is full
  };

  virtual ~ProcessActions() = default;

  // Starts process `number`, counted from 0, of `role`. An auxiliary process has generation 0.
  [[nodiscard]] virtual Result<Started> start(const Role& role, std::uint64_t number,
                                              std::uint64_t generation) = 0;
  virtual void kill(pid_t pid, int signal) = 0;
  // Writes the state of a process to its slot of the scoreboard. kFree releases the slot.
  virtual void show(std::size_t board_slot, memory::ProcessState state) = 0;
  virtual void count(memory::ScoreWord memory::ScoreHead::* counter) = 0;

  // Makes the workers of a new generation from the configuration as it is now.
  [[nodiscard]] virtual Result<WorkerSet> prepare(std::uint64_t generation) = 0;
  // The generation that was prepared last is the one that serves from now on.
  virtual void adopt(std::uint64_t generation) = 0;
  // Tells the workers of a generation to finish with their clients, and then to exit.
  virtual void drain(std::uint64_t generation) = 0;
  // The last worker of a generation has exited.
  virtual void forget(std::uint64_t generation) = 0;
  // Tells all workers to exit, within the drain_timeout of their own generation.
  virtual void stop_workers() = 0;

  // All processes are ready for the first time. Called once, or never.
  virtual void announce() = 0;
  virtual void notify_systemd(ServiceState state, std::string_view status) = 0;
  virtual void write_log(log::Level level, std::string_view event, log::Fields fields) = 0;
};

// All processes of the master. The owner reports each event with the current time, then calls
// advance(), and calls that again at next_deadline() at the latest.
//
// A reload starts a new generation of workers beside the one that serves. When all workers of the
// new one are ready, the old one drains. Until then an error costs the new generation alone, which
// then drains in its place. It may have clients too: a worker accepts some as soon as it is ready.
class ProcessTable {
 public:
  using Time = RestartPolicy::Time;  // of the monotonic clock

  static constexpr std::uint64_t kFirstGeneration = 1;

  // `first` are the workers of kFirstGeneration. Nothing is started before advance() is called.
  // `actions` must outlive the table.
  ProcessTable(std::vector<Role> auxiliary, WorkerSet first, ProcessActions& actions);
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  // A reload begins once all processes were ready and no other reload is in progress. Requests that
  // arrive before it begins are one request.
  void request_reload() { reload_wanted_ = true; }

  // A worker reports that it serves. Report it before the exit of the same worker.
  void became_ready(pid_t pid);

  // A process has ended and was reaped. Pids that are not in the table are ignored. Before all
  // processes were ready once, an exit status (and not a signal) stops the whole: the fault is in
  // the configuration, and EX_CONFIG (78) is passed on, or 1 in its place.
  void exited(pid_t pid, ProcessExit exit, Time now);

  // Stops workers first, then auxiliary processes. Workers that run one second longer than
  // drain_timeout are killed. Only the first call counts.
  void begin_stop(int exit_status, Time now);

  // Does whatever is due at `now`.
  void advance(Time now);

  // When advance() has to be called again, if no event comes before. Nothing: it need not be.
  [[nodiscard]] std::optional<Time> next_deadline() const;

  // Whether a stop was begun and every process has exited.
  [[nodiscard]] bool is_finished() const;
  [[nodiscard]] int exit_status() const { return exit_status_; }

  // Whether each role of the generation that serves, and each auxiliary role, has a process that is
  // ready. Not all have to be ready: a client that crashes workers must not have the whole
  // restarted.
  [[nodiscard]] bool is_healthy() const;

 private:
  enum class State : std::uint8_t { kWaiting, kStarting, kReady, kGone };

  struct Generation {
    std::uint64_t number;
    WorkerSet workers;
    Time begun{0};
    bool draining = false;
    Time kill_at{0};  // while it drains
  };

  struct Process {
    const Role* role;
    std::uint64_t number;
    const Generation* generation;  // null: auxiliary
    State state = State::kWaiting;
    pid_t pid = -1;    // -1: it does not run
    Time start_at{0};  // while it waits
    RestartPolicy policy{};
    std::optional<std::size_t> board_slot{};  // while it runs

    [[nodiscard]] bool drains() const { return generation != nullptr && generation->draining; }
  };

  [[nodiscard]] Process* find_running(pid_t pid);
  void add_processes(const std::vector<Role>& roles, const Generation* generation);
  Generation* add_generation(WorkerSet workers, Time begun);
  void start_due(Time now);
  void start(Process& process, Time now);
  void announce_when_ready();
  void show(Process& process, memory::ProcessState state);
  void died(Process& process, pid_t pid, ProcessExit exit, Time now);
  void log_broken_sandbox(const Process& process, pid_t pid);

  void continue_reload(Time now);
  void begin_reload(Time now);
  void finish_reload(Time now);
  void give_up_reload(std::string_view reason, Time now);
  void drain(Generation& generation, Time now);
  void continue_draining(Time now);
  void continue_stop(Time now);

  [[nodiscard]] bool all_are(State state, const Generation* generation) const;
  [[nodiscard]] std::string status() const;

  std::vector<Role> auxiliary_;
  ProcessActions& actions_;
  std::list<Generation> generations_;  // a list, because processes point into it
  std::vector<Process> processes_;
  Generation* current_ = nullptr;  // the one that serves
  Generation* next_ = nullptr;     // the one that a reload is starting, if there is one
  std::uint64_t last_generation_ = 0;
  bool reload_wanted_ = false;
  bool announced_ = false;
  bool stopping_ = false;
  Time kill_at_{0};  // while it stops
  int exit_status_ = 0;
};

}  // namespace restante::master
