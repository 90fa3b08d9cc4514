// SPDX-License-Identifier: ISC
#include "master/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "shared/base/unique_fd.h"

namespace restante::master {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START

// What a child may know of the master's environment: where the log goes, where programs are, and
// how a sanitizer shall report.
constexpr std::array kPassedOn = {"JOURNAL_STREAM", "PATH",          "TZ",
                                  "ASAN_OPTIONS",   "UBSAN_OPTIONS", "LSAN_OPTIONS"};

// Moves the descriptors to 3, 4, …; out of the way first, since they may stand there already.
bool place_descriptors(std::span<const Inherited> inherited) {
  const int count = static_cast<int>(inherited.size());
  std::vector<int> copies;
  for (const Inherited& item : inherited) {
    copies.push_back(fcntl(item.fd, F_DUPFD_CLOEXEC, kFirst + count));
    if (copies.back() < 0) return false;
  }
  for (int i = 0; i < count; ++i) {
    if (dup2(copies[static_cast<std::size_t>(i)], kFirst + i) < 0) return false;
  }
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  return dup2(null.get(), STDIN_FILENO) >= 0;
}

std::vector<std::string> child_environment(std::span<const Inherited> inherited) {
  std::vector<std::string> variables;
  for (const char* name : kPassedOn) {
    if (const char* value = std::getenv(name))
      variables.push_back(fmt::format("{}={}", name, value));
  }
  if (inherited.empty()) return variables;
  std::string names;
  for (const Inherited& item : inherited) {
    names += names.empty() ? "" : ":";
    names += item.name;
  }
  variables.push_back(fmt::format("LISTEN_PID={}", getpid()));
  variables.push_back(fmt::format("LISTEN_FDS={}", inherited.size()));
  variables.push_back(fmt::format("LISTEN_FDNAMES={}", names));
  return variables;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

std::string reason_of(int error_number, const std::string& program) {
  if (error_number == ENOENT && program.find('/') == std::string::npos) {
    return fmt::format("{} is not installed: there is none in PATH", program);
  }
  return fmt::format("cannot start {}: {}", program, errno_text(error_number));
}

// In the child: becomes the program, or returns why it could not.
std::string become(const std::vector<std::string>& arguments, std::span<const Inherited> inherited,
                   bool die_with_us, const std::function<Result<void>()>& confine, pid_t master) {
  setpgid(0, 0);  // Ctrl-C on a terminal is the master's business alone
  if (die_with_us) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != master) _exit(0);  // it died before that
  }
  signal(SIGUSR1, SIG_IGN);  // to the whole group it means the master alone
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!place_descriptors(inherited)) return reason_of(errno, arguments.front());
  // Every descriptor is made close-on-exec, but a library may forget to. Before Linux 5.11 the call
  // fails, and nothing is lost.
  close_range(kFirst + static_cast<unsigned>(inherited.size()), ~0U, CLOSE_RANGE_CLOEXEC);
  const std::vector<std::string> environment = child_environment(inherited);
  if (confine) {
    if (const auto confined = confine(); !confined) {
      return fmt::format("cannot start {}: {}", arguments.front(), confined.error().what);
    }
  }
  execvpe(arguments.front().c_str(), pointers(arguments).data(), pointers(environment).data());
  return reason_of(errno, arguments.front());
}

}  // namespace

Result<pid_t> spawn(const std::vector<std::string>& arguments, std::span<const Inherited> inherited,
                    bool die_with_us, const std::function<Result<void>()>& confine) {
  // A successful exec closes this pipe; a child that fails writes the reason into it.
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorKind::kSystem, "pipe: {}", errno_text());
  const UniqueFd reader(ends[0]);
  // Out of the way of the numbers that the child's descriptors will get.
  UniqueFd writer(fcntl(ends[1], F_DUPFD_CLOEXEC, kFirst + static_cast<int>(inherited.size())));
  close(ends[1]);

  const pid_t master = getpid();
  const pid_t pid = fork();
  if (pid < 0) return fail(ErrorKind::kSystem, "fork: {}", errno_text());
  if (pid == 0) {
    const std::string reason = become(arguments, inherited, die_with_us, confine, master);
    [[maybe_unused]] const ssize_t written = write(writer.get(), reason.data(), reason.size());
    _exit(127);
  }
  writer.reset();
  std::array<char, 1024> reason{};
  ssize_t got = 0;
  do {
    got = read(reader.get(), reason.data(), reason.size());
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return pid;
  waitpid(pid, nullptr, 0);
  return fail(ErrorKind::kSystem, "{}",
              std::string_view(reason.data(), static_cast<std::size_t>(got)));
}

}  // namespace restante::master
