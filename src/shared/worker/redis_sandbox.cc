// SPDX-License-Identifier: ISC
#include "shared/worker/redis_sandbox.h"

#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "shared/worker/call_filter.h"
#include "shared/worker/landlock.h"
#include "shared/worker/sandbox_state.h"

namespace restante::worker {
namespace {

// redis-server is a program of others, which may make other calls in its next version. So these are
// the calls that it must not make, not those that it may: a way around the rules for sockets
// (io_uring), other processes, and parts of the kernel that attacks begin with.
constexpr std::array kRefused = {"io_uring_setup",
                                 "io_uring_enter",
                                 "io_uring_register",
                                 "ptrace",
                                 "process_vm_readv",
                                 "process_vm_writev",
                                 "pidfd_getfd",
                                 "kcmp",
                                 "bpf",
                                 "perf_event_open",
                                 "userfaultfd",
                                 "unshare",
                                 "setns",
                                 "keyctl",
                                 "add_key",
                                 "request_key",
                                 "mount",
                                 "open_tree",
                                 "open_by_handle_at"};

constexpr scmp_datum_t kNamespaces = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |
                                     CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

Result<void> filter_calls() {
  CallFilter filter(SCMP_ACT_ALLOW);
  for (const char* name : kRefused) filter.refuse(name, EPERM);
  for (scmp_datum_t flag = 1; flag != 0 && flag <= kNamespaces; flag <<= 1) {
    if ((kNamespaces & flag) == 0) continue;
    filter.refuse("clone", EPERM, {{0, SCMP_CMP_MASKED_EQ, flag, flag}});
  }
  filter.refuse("clone3", ENOSYS);  // its flags cannot be seen; the C library goes back to clone
  filter.refuse("socket", EAFNOSUPPORT, {{0, SCMP_CMP_NE, AF_UNIX, 0}});
  return filter.load();
}

LandlockRules rules_of(const config::Config& config, const std::string& program) {
  LandlockRules rules;
  rules.ports.emplace();  // none
  rules.programs = {"/usr",
                    "/lib",
                    "/lib32",
                    "/lib64",
                    "/bin",
                    "/etc/ld.so.cache",
                    std::filesystem::path(program).parent_path()};
  // What the C library, OpenSSL, jemalloc and Redis look up about the machine and themselves.
  rules.readable = {"/etc/ld.so.preload",
                    "/etc/localtime",
                    "/etc/ssl/openssl.cnf",
                    "/dev/null",
                    "/dev/urandom",
                    "/proc/self",
                    "/proc/sys",
                    "/sys/devices/system/cpu",
                    "/sys/devices/system/clocksource",
                    "/sys/kernel/mm/transparent_hugepage"};
  rules.writable = {config.redis_directory};
  rules.socket_directories = {config.runtime_dir};
  return rules;
}

}  // namespace

Result<void> enter_redis_sandbox(const config::Config& config, const std::string& program) {
  const SandboxState state = sandbox_state(config);
  if (!state.on) return {};
  Result<void> entered;
  if (state.landlock >= kLandlockRenames) entered = enter_landlock(rules_of(config, program));
  if (entered) entered = filter_calls();
  if (entered) return {};
  return fail(ErrorKind::kConfig,
              "cannot enter the sandbox: {}; sandbox = no does without, see restante.conf(5)",
              entered.error().what);
}

}  // namespace restante::worker
