// SPDX-License-Identifier: ISC
// Starts the processes, replaces those that die, and ends them: the one signal loop of the master.
//
// What tells a worker to go is end of file on its generation's life pipe, of which the master holds
// the only write end: so it also goes when the master is killed. A worker in turn writes its pid
// into the ready pipe once it serves.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "master/restart_policy.h"
#include "master/spawn.h"
#include "shared/c_ptr.h"
#include "shared/error.h"

namespace restante::master {

// One kind of process. The descriptors belong to the caller and outlive the supervisor.
struct Role {
  std::string name;
  std::vector<std::string> command;
  std::uint64_t count = 1;
  // A worker follows the life pipe, says when it is ready and is told its number as last argument.
  // What is none (redis-server) counts as ready at once and gets SIGTERM when all workers are gone.
  bool is_worker = true;
  std::vector<Inherited> inherits;      // by each of them
  std::vector<Inherited> one_for_each;  // the n-th by number n alone; empty or `count` of them
};

class Supervisor {
 public:
  Supervisor(std::vector<Role> roles, std::chrono::milliseconds drain_timeout);

  // From run() on, `job` is done every `period`.
  void repeat(std::chrono::milliseconds period, std::function<void()> job);

  // Runs until SIGTERM or SIGINT and everything has ended: 0; 78 when a worker finds before all
  // are ready that the configuration cannot work (its own log line says why); 1 on an error.
  // `ready` is called once, when every process is ready for the first time.
  [[nodiscard]] int run(const std::function<void()>& ready);

 private:
  using Time = RestartPolicy::Time;
  enum class State : std::uint8_t { kWaiting, kStarting, kReady, kGone };

  struct Slot {
    const Role* role;
    std::uint64_t number;
    State state = State::kWaiting;
    pid_t pid = -1;
    Time start_at{0};
    RestartPolicy policy{};
  };

  struct Repeated {
    std::chrono::milliseconds period;
    std::function<void()> job;
    Time next;
  };

  struct Pipe {
    UniqueFd reader, writer;
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
  void reap();
  void ended(Slot& slot, int wait_status);
  void begin_stop(int exit_status);
  void press_on_with_stop();

  std::vector<Role> roles_;
  std::chrono::milliseconds drain_timeout_;
  std::vector<Slot> slots_;
  std::vector<Repeated> repeated_;
  Pipe life_, ready_;
  std::function<void()> announce_;
  bool announced_ = false;
  bool stopping_ = false;
  Time kill_at_{0};
  int exit_status_ = 0;
};

}  // namespace restante::master
