// SPDX-License-Identifier: ISC
// Runs the processes of the master: the one event loop that carries out what ProcessTable decides.
//
// Each generation has a life pipe, of which the master holds the only write end and each worker a
// read end. A byte in it means that a new generation serves: finish with your clients, then exit.
// End of file means that the whole stops; workers see it also when the master is killed. All
// workers share the write end of one ready pipe. A worker writes its pid into it once it serves.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "master/process_table.h"
#include "shared/base/error.h"
#include "shared/base/unique_fd.h"
#include "shared/memory/scoreboard.h"

namespace restante::master {

class Supervisor : private ProcessActions {
 public:
  // Returns the workers of the next generation, or why there will be none.
  using Prepare = std::function<Result<WorkerSet>(std::uint64_t generation)>;

  // `auxiliary` processes are no workers, and stay whatever is reloaded. Descriptors that no
  // WorkerSet owns, and the memory of `board`, must outlive the supervisor.
  Supervisor(std::vector<Role> auxiliary, WorkerSet first, memory::Scoreboard board);

  // Calls `job` every `period` while run() runs, and the first time after one period.
  void repeat(std::chrono::milliseconds period, std::function<void()> job);

  // Required before run(). SIGHUP calls `prepare`. `adopt` is called when all of the workers that
  // were prepared last are ready and those of the generation before were told to drain.
  void on_reload(Prepare prepare, std::function<void()> adopt);

  // Required before run(). SIGUSR1 calls `reopen`: the file of the log may be another one.
  void on_reopen(std::function<void()> reopen) { reopen_ = std::move(reopen); }

  // Runs until every process has exited after SIGTERM or SIGINT, and returns 0. Returns 78
  // (EX_CONFIG) if a worker finds before all are ready that the configuration cannot work; the
  // worker has logged why. Returns 1 if a process cannot be started. `ready` is called once, when
  // all processes are ready for the first time.
  [[nodiscard]] int run(const std::function<void()>& ready);

 private:
  using Time = ProcessTable::Time;

  struct Pipe {
    UniqueFd reader, writer;
  };

  struct Repeated {
    std::chrono::milliseconds period;
    std::function<void()> job;
    Time next;
  };

  // ProcessActions.
  Result<Started> start(const Role& role, std::uint64_t number, std::uint64_t generation) override;
  void kill(pid_t pid, int signal) override;
  void show(std::size_t board_slot, memory::ProcessState state) override;
  void count(memory::ScoreWord memory::ScoreHead::* counter) override {
    (board_.head().*counter).fetch_add(1);
  }
  Result<WorkerSet> prepare(std::uint64_t generation) override;
  void adopt(std::uint64_t generation) override;
  void drain(std::uint64_t generation) override;
  void forget(std::uint64_t generation) override { life_.erase(generation); }
  void stop_workers() override;
  void announce() override { announce_(); }
  void notify_systemd(ServiceState state, std::string_view status) override {
    notify::report(state, status);
  }
  void write_log(log::Level level, std::string_view event, log::Fields fields) override;

  [[nodiscard]] static Result<Pipe> make_pipe();
  [[nodiscard]] Result<void> make_pipes();
  void watch_health();
  void repeat_due();
  void wait_for_event(int signal_fd);
  void read_ready_pipe();
  void read_signals(int signal_fd);
  void reap();

  memory::Scoreboard board_;
  Prepare prepare_;
  std::function<void()> adopt_, reopen_, announce_;
  std::vector<Repeated> repeated_;
  Pipe ready_;
  std::map<std::uint64_t, Pipe> life_;  // by generation
  ProcessTable table_;
};

}  // namespace restante::master
