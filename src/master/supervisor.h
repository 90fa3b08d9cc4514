// SPDX-License-Identifier: ISC
// Starts the processes, replaces those that die, and ends them: the one signal loop of the master.
//
// What tells a worker to go is its generation's life pipe, of which the master holds the only write
// end. A byte in it: a new generation serves, finish what you have. End of file: the whole stops;
// so a worker also goes when the master is killed. A worker in turn writes its pid into the ready
// pipe once it serves.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "master/restart_policy.h"
#include "master/spawn.h"
#include "shared/base/c_ptr.h"
#include "shared/base/error.h"
#include "shared/memory/scoreboard.h"

namespace restante::master {

// One kind of process.
struct Role {
  std::string name;
  std::vector<std::string> command;
  std::uint64_t count = 1;
  // A worker follows the life pipe, says when it is ready and is told two numbers as last
  // arguments: its own, and that of its slot of the scoreboard if there is one for it.
  // What is none (redis-server) counts as ready at once and gets SIGTERM when all workers are gone.
  bool is_worker = true;
  std::vector<Inherited> inherits;      // by each of them
  std::vector<Inherited> one_for_each;  // the n-th by number n alone; empty or `count` of them
};

// The workers of one configuration.
struct WorkerSet {
  std::vector<Role> roles;
  std::chrono::milliseconds drain_timeout;  // for their clients to end
  std::chrono::milliseconds ready_limit;    // for all of them to serve
  std::shared_ptr<const void> resources;    // owns descriptors of the roles; let go with the last
};

class Supervisor {
 public:
  // Gives the workers of the next generation, or says why there will be none.
  using Prepare = std::function<Result<WorkerSet>(std::uint64_t generation)>;

  // `auxiliary` are no workers, and stay whatever is reloaded. Descriptors that no WorkerSet owns,
  // and the board's memory, outlive the supervisor.
  Supervisor(std::vector<Role> auxiliary, WorkerSet first, Scoreboard board);

  // From run() on, `job` is done every `period`.
  void repeat(std::chrono::milliseconds period, std::function<void()> job);

  // At SIGHUP. `adopt` is called when the prepared generation serves and the one before goes.
  void on_reload(Prepare prepare, std::function<void()> adopt);

  // At SIGUSR1: the log's file may be another one.
  void on_reopen(std::function<void()> reopen) { reopen_ = std::move(reopen); }

  // Runs until SIGTERM or SIGINT and everything has ended: 0; 78 when a worker finds before all
  // are ready that the configuration cannot work (its own log line says why); 1 on an error.
  // `ready` is called once, when every process is ready for the first time.
  [[nodiscard]] int run(const std::function<void()>& ready);

 private:
  using Time = RestartPolicy::Time;
  enum class State : std::uint8_t { kWaiting, kStarting, kReady, kGone };

  struct Pipe {
    UniqueFd reader, writer;
  };

  struct Generation {
    std::uint64_t number;
    WorkerSet workers;
    Pipe life;
    Time begun;
    bool leaving = false;
    Time kill_at{0};  // once it is leaving
  };

  struct Slot {
    const Role* role;
    std::uint64_t number;
    std::shared_ptr<Generation> generation;  // none: a companion
    State state = State::kWaiting;
    pid_t pid = -1;
    Time start_at{0};
    RestartPolicy policy{};
    std::optional<std::size_t> on_board{};  // while there is a process
  };

  struct Repeated {
    std::chrono::milliseconds period;
    std::function<void()> job;
    Time next;
  };

  [[nodiscard]] static Result<Pipe> make_pipe();

  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] bool all_gone() const;
  void start_due();
  void repeat_due();
  void start(Slot& slot);
  void wait_for_event(int signal_fd);
  void take_ready_words();
  void take_signals(int signal_fd);
  void show(const Slot& slot, ProcessState state) const;
  void leave_board(Slot& slot) const;
  void reap();
  void ended(Slot& slot, int wait_status);
  static void log_broken_sandbox(const Slot& slot, pid_t pid);
  void begin_stop(int exit_status);
  void continue_stop();

  // In generations.cc:
  [[nodiscard]] Result<void> add_generation(WorkerSet workers);
  void continue_reload();
  void begin_reload();
  void finish_reload();
  void give_up_reload(std::string_view reason);
  void leave(const std::shared_ptr<Generation>& generation);
  void continue_draining();
  [[nodiscard]] bool serves(const Generation* generation) const;
  [[nodiscard]] bool is_healthy() const;
  [[nodiscard]] std::string status() const;

  std::vector<Role> auxiliary_;
  Scoreboard board_;
  std::vector<Slot> slots_;
  std::shared_ptr<Generation> current_, next_;
  std::vector<std::shared_ptr<Generation>> leaving_;
  std::uint64_t last_generation_ = 0;
  bool reload_wanted_ = false;
  Prepare prepare_;
  std::function<void()> adopt_, reopen_;
  WorkerSet first_;

  std::vector<Repeated> repeated_;
  Pipe ready_;
  std::function<void()> announce_;
  bool announced_ = false;
  bool stopping_ = false;
  Time kill_at_{0};
  int exit_status_ = 0;
};

}  // namespace restante::master
