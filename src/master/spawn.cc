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

// In the child: becomes the program, or returns with errno set.
void become(const std::vector<std::string>& arguments, std::span<const Inherited> inherited,
            bool die_with_us, pid_t master) {
  setpgid(0, 0);  // Ctrl-C on a terminal is the master's business alone
  if (die_with_us) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != master) _exit(0);  // it died before that
  }
  signal(SIGUSR1, SIG_IGN);  // to the whole group it means the master alone
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!place_descriptors(inherited)) return;
  // Every descriptor is made close-on-exec, but a library may forget to. Before Linux 5.11 the call
  // fails, and nothing is lost.
  close_range(kFirst + static_cast<unsigned>(inherited.size()), ~0U, CLOSE_RANGE_CLOEXEC);
  const std::vector<std::string> environment = child_environment(inherited);
  execvpe(arguments.front().c_str(), pointers(arguments).data(), pointers(environment).data());
}

}  // namespace

Result<pid_t> spawn(const std::vector<std::string>& arguments, std::span<const Inherited> inherited,
                    bool die_with_us) {
  // A successful exec closes this pipe; a failed one writes its errno into it.
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
    become(arguments, inherited, die_with_us, master);
    const int error_number = errno;
    [[maybe_unused]] const ssize_t written =
        write(writer.get(), &error_number, sizeof error_number);
    _exit(127);
  }
  writer.reset();
  int error_number = 0;
  ssize_t got = 0;
  do {
    got = read(reader.get(), &error_number, sizeof error_number);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof error_number)) return pid;
  waitpid(pid, nullptr, 0);
  if (error_number == ENOENT && arguments.front().find('/') == std::string::npos) {
    return fail(ErrorKind::kSystem, "{} is not installed: there is none in PATH",
                arguments.front());
  }
  return fail(ErrorKind::kSystem, "cannot start {}: {}", arguments.front(),
              errno_text(error_number));
}

}  // namespace restante::master
