// SPDX-License-Identifier: ISC
#include "shared/worker/sandbox.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <initializer_list>
#include <string_view>

#include "shared/base/secrets.h"
#include "shared/worker/call_filter.h"
#include "shared/worker/sandbox_state.h"

namespace restante::worker {
namespace {

// clang-format off

// What every worker does: bytes in and out of what is open, memory, time, its own end. A name that
// a machine's kernel does not have is passed over: arm64 has no poll, say.
constexpr std::array kEverybody = {
    "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "close", "lseek", "_llseek",
    "fstat", "fstat64", "newfstatat", "fstatat64", "statx", "poll", "ppoll", "ppoll_time64",
    "recvmsg", "recvfrom", "accept", "accept4", "memfd_create",
    "munmap", "mremap", "madvise", "brk", "futex", "futex_time64", "membarrier", "rseq",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "restart_syscall",
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "gettimeofday", "time",
    "nanosleep", "clock_nanosleep", "clock_nanosleep_time64",
    "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getrandom",
    "getrusage", "getrlimit", "ugetrlimit", "sysinfo", "uname",
    "sched_yield", "sched_getaffinity", "getcpu", "set_robust_list", "exit", "exit_group"};

// Connections, and the loop that waits for them.
constexpr std::array kWithSockets = {
    "connect", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2",
    "sendfile", "sendfile64"};

// clang-format on

// The time that a mail may take.
constexpr std::array kMimed = {"setitimer"};

// What libraries try and do without: to be told "no" is all that they need.
struct Refusal {
  const char* name;
  int error_number;
};
constexpr std::array kRefused = {
    Refusal{"access", EACCES},   Refusal{"faccessat", EACCES},  Refusal{"faccessat2", EACCES},
    Refusal{"readlink", EACCES}, Refusal{"readlinkat", EACCES}, Refusal{"stat", EACCES},
    Refusal{"lstat", EACCES},    Refusal{"stat64", EACCES},     Refusal{"lstat64", EACCES},
    Refusal{"statfs", EACCES},   Refusal{"getcwd", EACCES},     Refusal{"openat2", ENOSYS},
    Refusal{"prctl", EPERM},     Refusal{"mlock", EPERM},       Refusal{"munlock", EPERM}};

// fcntl(2): nothing that sends signals, locks or leases.
constexpr std::array kFcntl = {F_GETFD, F_SETFD,         F_GETFL,     F_SETFL,
                               F_DUPFD, F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS};

// Anything else than to read what is there.
constexpr scmp_datum_t kToWrite =
    O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
constexpr scmp_datum_t kSocketType = 0xf;  // without SOCK_CLOEXEC and SOCK_NONBLOCK
constexpr scmp_datum_t kIpFamilies[] = {AF_INET, AF_INET6};
constexpr scmp_datum_t kIpProtocols[] = {0, IPPROTO_TCP};

scmp_arg_cmp is(unsigned argument, scmp_datum_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp masked(unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void allow_common_calls(CallFilter& filter) {
  for (const char* name : kEverybody) filter.allow(name);
  for (const Refusal& refusal : kRefused) filter.refuse(refusal.name, refusal.error_number);
  // No code but what was loaded at the start.
  for (const char* name : {"mmap", "mmap2", "mprotect"}) {
    filter.allow(name, {masked(2, PROT_EXEC, 0)});
    filter.refuse(name, EACCES, {masked(2, PROT_EXEC, PROT_EXEC)});
  }
  for (const int command : kFcntl) {
    for (const char* name : {"fcntl", "fcntl64"}) {
      filter.allow(name, {is(1, static_cast<scmp_datum_t>(command))});
    }
  }
  filter.allow("ioctl", {is(1, FIONREAD)});
  filter.allow("ioctl", {is(1, FIONBIO)});
  filter.refuse("ioctl", ENOTTY, {is(1, TCGETS)});                       // isatty(3)
  filter.allow("prlimit64", {is(0, 0), is(2, 0)});                       // to ask for its own
  filter.allow("tgkill", {is(0, static_cast<scmp_datum_t>(getpid()))});  // abort(3)
}

// To open a file for writing ends the process. Where none has to be read none can be: GMime would
// load a converter for any charset that a mail names, and takes no for an answer. Where some have
// to be, Landlock says which.
void let_read_files(CallFilter& filter, const Needs& needs) {
  struct Call {
    const char* name;
    unsigned flags;  // which argument
  };
  for (const Call call : {Call{"open", 1}, Call{"openat", 2}}) {
    const auto reading = masked(call.flags, kToWrite, 0);
    if (needs.files()) {
      filter.allow(call.name, {reading});
    } else {
      filter.refuse(call.name, EACCES, {reading});
    }
  }
}

void let_send(CallFilter& filter, const Needs& needs) {
  // MSG_FASTOPEN is connecting by another name.
  filter.allow("sendmsg", {masked(2, MSG_FASTOPEN, 0)});
  if (needs.sockets || needs.syslog) filter.allow("sendto", {masked(3, MSG_FASTOPEN, 0)});
}

void let_connect(CallFilter& filter, const Needs& needs) {
  for (const char* name : kWithSockets) filter.allow(name);
  filter.allow("socket", {is(0, AF_UNIX)});
  if (!needs.tcp) return;
  for (const scmp_datum_t family : kIpFamilies) {
    // Not MPTCP or SCTP, of which Landlock knows nothing.
    for (const scmp_datum_t protocol : kIpProtocols) {
      filter.allow("socket", {is(0, family), masked(1, kSocketType, SOCK_STREAM), is(2, protocol)});
    }
    const auto datagrams = masked(1, kSocketType, SOCK_DGRAM);
    if (needs.names) {
      filter.allow("socket", {is(0, family), datagrams, is(2, 0)});
    } else {
      filter.refuse("socket", EACCES, {is(0, family), datagrams});
    }
  }
  if (needs.names) {
    filter.allow("sendmmsg", {masked(3, MSG_FASTOPEN, 0)});  // for both kinds of address at once
    filter.allow("ioctl", {is(1, SIOCGIFINDEX)});            // fe80::1%eth0
  }
  filter.refuse("socket", EAFNOSUPPORT, {is(0, AF_NETLINK)});  // getaddrinfo(3) does without
}

Result<void> filter_calls(Program program, const Needs& needs) {
  CallFilter filter(SCMP_ACT_KILL_PROCESS);
  allow_common_calls(filter);
  let_read_files(filter, needs);
  let_send(filter, needs);
  if (program == Program::kMimed) {
    for (const char* name : kMimed) filter.allow(name);
  } else {
    let_connect(filter, needs);
  }
  return filter.load();
}

}  // namespace

Result<void> enter_sandbox(Program program, const config::Config& config) {
  if (!sandbox_state(config).on) return {};
  const Needs needs = needs_of(program, config);
  tzset();  // reads a file, for the time in lines to syslog
  forbid_core_dumps();
  set_undumpable();
  auto entered = enter_landlock(needs.rules);
  if (entered) entered = filter_calls(program, needs);
  if (entered) return {};
  return fail(ErrorKind::kConfig,
              "cannot enter the sandbox: {}; sandbox = no does without, see restante.conf(5)",
              entered.error().what);
}

}  // namespace restante::worker
