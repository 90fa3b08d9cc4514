// SPDX-License-Identifier: ISC
// Commands about the master: look at it, tell it something.
#include <poll.h>
#include <signal.h>
#include <termios.h>

#include <cstdio>
#include <functional>
#include <thread>

#include "ctl/commands.h"
#include "ctl/status.h"
#include "ctl/text.h"
#include "shared/base/clock.h"

namespace restante::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLookEvery{50};
constexpr seconds kReloadTime{30}, kStopTime{120};

Result<void> send_signal(pid_t master, int number) {
  if (kill(master, number) == 0) return {};
  return fail(ErrorKind::kSystem, "cannot signal the master, pid {}: {}", master, errno_text());
}

bool wait_until(seconds limit, const std::function<bool()>& condition) {
  for (const milliseconds end = monotonic_now() + limit; monotonic_now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(kLookEvery);
  }
  return false;
}

// Keys come one by one and are not shown, for as long as this lives.
class RawTerminal {
 public:
  RawTerminal() : is_terminal_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  ~RawTerminal() {
    if (is_terminal_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // Waits; true when the user wants to leave.
  [[nodiscard]] bool quits_within(milliseconds time) const {
    pollfd key{is_terminal_ ? STDIN_FILENO : -1, POLLIN, 0};
    char typed = 0;
    return poll(&key, 1, static_cast<int>(time.count())) > 0 &&
           (read(STDIN_FILENO, &typed, 1) != 1 || typed == 'q');
  }

 private:
  termios before_{};
  bool is_terminal_;
};

}  // namespace

Result<int> run_status(const Options& options, const config::Config& config) {
  const auto status = read_status(config.runtime_dir);
  if (!status) return std::unexpected(status.error());
  fmt::print("{}", options.json ? terminal_json(status_json(*status)) : status_text(*status));
  return status->has_problem() ? kProblem : kFine;
}

Result<int> run_top(const Options& options, const config::Config& config) {
  const RawTerminal terminal;
  std::optional<Status> before;
  for (std::uint64_t shown = 0;;) {
    auto status = read_status(config.runtime_dir);
    if (!status) return std::unexpected(status.error());
    const bool restarted = before && before->master != status->master;
    const char* const clear = isatty(STDOUT_FILENO) != 0 ? "\033[H\033[2J" : "";
    fmt::print("{}{}\n", clear, status_text(*status, before && !restarted ? &*before : nullptr));
    std::fflush(stdout);
    before = std::move(*status);
    if (++shown == options.count || terminal.quits_within(seconds(1))) return kFine;
  }
}

Result<int> run_reload(const Options&, const config::Config& config) {
  const auto before = read_status(config.runtime_dir);
  if (!before) return std::unexpected(before.error());
  if (auto sent = send_signal(before->master, SIGHUP); !sent) return std::unexpected(sent.error());
  Result<Status> now = fail(ErrorKind::kUnavailable, "");
  const bool told = wait_until(kReloadTime, [&] {
    now = read_status(config.runtime_dir);
    return !now || now->reloads != before->reloads || now->failed_reloads != before->failed_reloads;
  });
  if (!now) return std::unexpected(now.error());
  if (!told) {
    return fail(ErrorKind::kSystem,
                "the master, pid {}, was told, and has not said within {} s "
                "what came of it; look into its log",
                now->master, kReloadTime.count());
  }
  if (now->reloads == before->reloads) {
    return fail(ErrorKind::kSystem,
                "not reloaded: generation {} goes on as before; the log of the "
                "master, pid {}, says why",
                now->generation, now->master);
  }
  fmt::print("reloaded: generation {} serves\n", now->generation);
  return kFine;
}

Result<int> run_stop(const Options&, const config::Config& config) {
  const auto before = read_status(config.runtime_dir);
  if (!before) return std::unexpected(before.error());
  if (auto sent = send_signal(before->master, SIGTERM); !sent) return std::unexpected(sent.error());
  const bool gone = wait_until(kStopTime, [&] {
    const auto now = read_status(config.runtime_dir);
    return !now || now->master != before->master;
  });
  if (!gone) {
    return fail(ErrorKind::kSystem, "the master, pid {}, was told to stop, and is still there",
                before->master);
  }
  fmt::print("stopped\n");
  return kFine;
}

}  // namespace restante::ctl
