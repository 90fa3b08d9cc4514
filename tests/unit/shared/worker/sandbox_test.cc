// SPDX-License-Identifier: ISC
// Children enter the sandbox and try: what a worker does works on, and all else ends it or fails.
#include "shared/worker/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string>

#include "shared/base/build_kind.h"
#include "shared/base/program.h"
#include "shared/base/unique_fd.h"
#include "shared/worker/landlock.h"
#include "shared/worker/sandbox_state.h"
#include "testing.h"

namespace {

using restante::kFitsSandbox;
using restante::Program;
using restante::UniqueFd;
using restante::config::Config;
using restante::config::Sandbox;
using restante::worker::SandboxState;

constexpr int kNoSandbox = 100;  // as the status of a child
constexpr const char* kPasswords = "/etc/passwd";

Config config_with(const std::string& redis) {
  Config config;
  config.redis = redis;
  config.sandbox = Sandbox::kYes;
  return config;
}

// What becomes of a worker that does `job`: the name of the signal that ended it; else the error
// that job left in errno when it gave a negative number, or "done".
template <class Job>
std::string fate(Program kind, const Config& config, const Job& job) {
  const pid_t pid = fork();
  if (pid == 0) {
    if (!restante::worker::enter_sandbox(kind, config)) _exit(kNoSandbox);
    errno = 0;
    const long result = job();
    syscall(SYS_exit_group, result < 0 ? errno : 0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFSIGNALED(status)) return sigabbrev_np(WTERMSIG(status));
  if (WEXITSTATUS(status) == kNoSandbox) return "no sandbox";
  return WEXITSTATUS(status) == 0 ? "done" : strerrorname_np(WEXITSTATUS(status));
}

template <class Job>
std::string fate(Program kind, const Job& job) {
  return fate(kind, config_with("unix:/run/redis.sock"), job);
}

constexpr Program kAll[] = {Program::kSmtpd, Program::kApid, Program::kMimed};

bool has_port_rules() {
  return restante::worker::landlock_version() >= restante::worker::kLandlockPorts;
}

sockaddr_in loopback(std::uint16_t port) {
  return {.sin_family = AF_INET,
          .sin_port = htons(port),
          .sin_addr = {htonl(INADDR_LOOPBACK)},
          .sin_zero = {}};
}

// A listening socket, and its port.
UniqueFd listen_somewhere(std::uint16_t& port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd.get(), any, size) != 0 || listen(fd.get(), 8) != 0) fail_test("no port");
  getsockname(fd.get(), any, &size);
  port = ntohs(address.sin_port);
  return fd;
}

long connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  const sockaddr_in address = loopback(port);
  return fd < 0 ? fd : connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

TEST_IF(kFitsSandbox, what_a_worker_does_works) {
  for (const Program kind : kAll) {
    assert_same(fate(kind,
                     [] {
                       const std::string much(std::size_t{4} << 20, 'x');
                       const int memory = memfd_create("mail", MFD_CLOEXEC | MFD_ALLOW_SEALING);
                       timespec now{};
                       if (write(memory, much.data(), much.size()) < 0) return -1L;
                       if (fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE) != 0) return -1L;
                       void* map = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, memory, 0);
                       if (map == MAP_FAILED || munmap(map, 4096) != 0) return -1L;
                       if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1L;
                       return long{close(memory)};
                     }),
                "done");
  }
}

TEST_IF(kFitsSandbox, no_file_can_be_opened) {
  for (const Program kind : kAll) {
    assert_same(fate(kind, [] { return long{open(kPasswords, O_RDONLY)}; }), "EACCES");
    assert_same(fate(kind, [] { return long{open("/proc/self/mem", O_RDONLY)}; }), "EACCES");
    assert_same(fate(kind, [] { return long{open("/tmp/new", O_WRONLY | O_CREAT, 0600)}; }), "SYS");
    assert_same(fate(kind, [] { return long{open("/tmp", O_RDWR | O_TMPFILE, 0600)}; }), "SYS");
    assert_same(fate(kind, [] { return long{unlink("/tmp/none")}; }), "SYS");
    assert_same(fate(kind, [] { return long{chmod("/tmp/none", 0)}; }), "SYS");
  }
}

TEST_IF(kFitsSandbox, where_some_files_are_needed_the_others_stay_closed) {
  if (restante::worker::landlock_version() == 0) skip();
  const Config config = config_with("localhost:6379");
  const auto try_to_read = [&](const char* path) {
    return fate(Program::kSmtpd, config, [path] { return long{open(path, O_RDONLY)}; });
  };
  assert_same(try_to_read("/etc/hosts"), "done");
  assert_same(try_to_read(kPasswords), "EACCES");
  assert_same(try_to_read("/proc/self/maps"), "EACCES");
}

TEST_IF(kFitsSandbox, apid_reads_below_the_directory_of_challenges_alone) {
  if (restante::worker::landlock_version() == 0) skip();
  const TemporaryDirectory directory;
  const std::string token = directory.path() + "/token";
  close(open(token.c_str(), O_WRONLY | O_CREAT, 0600));
  Config config = config_with("unix:/run/redis.sock");
  config.acme_directory = directory.path();
  const auto try_to_read = [&](Program kind, const std::string& path) {
    return fate(kind, config, [&] { return long{open(path.c_str(), O_RDONLY)}; });
  };
  const std::string there = try_to_read(Program::kApid, token);
  const std::string elsewhere = try_to_read(Program::kApid, kPasswords);
  const std::string of_smtpd = try_to_read(Program::kSmtpd, token);
  assert_same(there, "done");
  assert_same(elsewhere, "EACCES");
  assert_same(of_smtpd, "EACCES");
}

TEST_IF(kFitsSandbox, nothing_can_be_started) {
  for (const Program kind : kAll) {
    assert_same(fate(kind, [] { return long{execl("/bin/true", "true", nullptr)}; }), "SYS");
    assert_same(fate(kind, [] { return syscall(SYS_execveat, -1, "/bin/true", 0, 0, 0); }), "SYS");
    assert_same(fate(kind, [] { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }), "SYS");
    assert_same(fate(kind, [] { return syscall(SYS_clone3, nullptr, 0); }), "SYS");
  }
}

TEST_IF(kFitsSandbox, no_code_can_be_added) {
  constexpr int kCode = PROT_READ | PROT_EXEC;
  for (const Program kind : kAll) {
    assert_same(fate(kind,
                     [] {
                       void* map = mmap(nullptr, 4096, kCode, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                       return map == MAP_FAILED ? -1L : 0L;
                     }),
                "EACCES");
    assert_same(fate(kind,
                     [] {
                       void* map =
                           mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                       return long{mprotect(map, 4096, kCode)};
                     }),
                "EACCES");
  }
}

TEST_IF(kFitsSandbox, other_processes_are_out_of_reach) {
  const pid_t other = getppid();
  for (const Program kind : kAll) {
    assert_same(fate(kind, [=] { return long{kill(other, 0)}; }), "SYS");
    assert_same(fate(kind, [=] { return syscall(SYS_tgkill, other, other, 0); }), "SYS");
    assert_same(fate(kind, [=] { return ptrace(PTRACE_ATTACH, other, nullptr, nullptr); }), "SYS");
    assert_same(fate(kind,
                     [=] {
                       iovec none{};
                       return long{process_vm_readv(other, &none, 1, &none, 1, 0)};
                     }),
                "SYS");
  }
}

TEST_IF(kFitsSandbox, the_kernel_is_asked_for_nothing_unusual) {
  for (const long number :
       {SYS_bpf, SYS_mount, SYS_keyctl, SYS_io_uring_setup, SYS_unshare, SYS_setns, SYS_userfaultfd,
        SYS_perf_event_open, SYS_seccomp, SYS_setuid, SYS_chroot, SYS_shmget, SYS_pidfd_open}) {
    for (const Program kind : kAll) {
      assert_same(fate(kind, [=] { return syscall(number, 0, 0, 0, 0, 0); }), "SYS");
    }
  }
}

TEST_IF(kFitsSandbox, limits_stay) {
  const rlimit more{1 << 20, 1 << 20};
  for (const Program kind : kAll) {
    assert_same(fate(kind, [&] { return long{setrlimit(RLIMIT_NOFILE, &more)}; }), "SYS");
  }
}

TEST_IF(kFitsSandbox, an_abort_is_one_still) {
  for (const Program kind : kAll) {
    assert_same(fate(kind, []() -> long { std::abort(); }), "ABRT");
  }
}

TEST_IF(kFitsSandbox, mimed_makes_no_socket) {
  for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
    assert_same(fate(Program::kMimed, [=] { return long{socket(family, SOCK_STREAM, 0)}; }), "SYS");
  }
}

TEST_IF(kFitsSandbox, with_redis_at_a_unix_socket_there_is_no_network) {
  for (const Program kind : {Program::kSmtpd, Program::kApid}) {
    assert_same(fate(kind, [] { return long{socket(AF_UNIX, SOCK_STREAM, 0)}; }), "done");
    for (const int family : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG}) {
      assert_same(fate(kind, [=] { return long{socket(family, SOCK_STREAM, 0)}; }), "SYS");
    }
  }
}

TEST_IF(kFitsSandbox, with_redis_at_a_port_there_is_no_other_protocol) {
  const Config config = config_with("127.0.0.1:6379");
  const auto make = [&](int type, int protocol) {
    return fate(Program::kSmtpd, config, [=] { return long{socket(AF_INET, type, protocol)}; });
  };
  assert_same(make(SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP), "done");
  assert_same(make(SOCK_DGRAM, 0), "EACCES");
  assert_same(make(SOCK_RAW, IPPROTO_ICMP), "SYS");
  assert_same(make(SOCK_STREAM, IPPROTO_MPTCP), "SYS");
  assert_same(make(SOCK_STREAM, IPPROTO_SCTP), "SYS");
}

TEST_IF(kFitsSandbox, no_port_but_that_of_redis_can_be_connected_to) {
  if (!has_port_rules()) skip();
  std::uint16_t redis = 0, other = 0;
  const UniqueFd there = listen_somewhere(redis), elsewhere = listen_somewhere(other);
  const Config config = config_with("127.0.0.1:" + std::to_string(redis));
  for (const Program kind : {Program::kSmtpd, Program::kApid}) {
    assert_same(fate(kind, config, [=] { return connect_to(redis); }), "done");
    assert_same(fate(kind, config, [=] { return connect_to(other); }), "EACCES");
    assert_same(
        fate(kind, config,
             [=] {
               const int fd = socket(AF_INET, SOCK_STREAM, 0);
               const sockaddr_in address = loopback(other);
               return long{sendto(fd, "x", 1, MSG_FASTOPEN,
                                  reinterpret_cast<const sockaddr*>(&address), sizeof address)};
             }),
        "SYS");
  }
}

TEST_IF(kFitsSandbox, no_port_can_be_listened_on) {
  const Config config = config_with("127.0.0.1:6379");
  for (const Program kind : {Program::kSmtpd, Program::kApid}) {
    assert_same(
        fate(kind, config,
             [] {
               const int fd = socket(AF_INET, SOCK_STREAM, 0);
               const sockaddr_in address = loopback(0);
               return long{bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address)};
             }),
        "SYS");
    assert_same(fate(kind, config, [] { return long{listen(socket(AF_INET, SOCK_STREAM, 0), 1)}; }),
                "SYS");
  }
}

TEST(switched_off_it_takes_nothing_away) {
  Config config = config_with("unix:/run/redis.sock");
  config.sandbox = Sandbox::kNo;
  assert_same(fate(Program::kMimed, config, [] { return long{open(kPasswords, O_RDONLY)}; }),
              "done");
}

TEST(its_state_is_one_word) {
  for (const SandboxState state : {SandboxState{true, 0}, SandboxState{true, 7}}) {
    const SandboxState read = SandboxState::unpack(state.packed());
    assert_true(read.on);
    assert_int_equal(read.landlock, state.landlock);
  }
  assert_false(SandboxState::unpack(SandboxState{false, 7}.packed()).on);
}

TEST(it_says_what_an_old_kernel_leaves_open) {
  assert_same(SandboxState{true, 0}.open(), "files to read, TCP ports, abstract Unix sockets");
  assert_same(SandboxState{true, 2}.open(), "TCP ports, abstract Unix sockets");
  assert_same(SandboxState{true, 5}.open(), "abstract Unix sockets");
  assert_same(SandboxState{true, 6}.open(), "");
  assert_same(SandboxState{false, 7}.open(), "everything");
}

}  // namespace
