// SPDX-License-Identifier: ISC
// Starts a program and passes named descriptors to it: the master's half of worker/context.h.
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"

namespace restante::master {

struct Inherited {
  std::string_view name;  // one of worker::fd_name; outlives the call of spawn()
  int fd;
};

// Starts `arguments[0]`, which is a path or a name in PATH, in a process group of its own. The
// program gets the descriptors of `inherited` from number 3 on, and no others. Its environment
// holds LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID, and of the master's PATH, TZ, JOURNAL_STREAM and
// the options of sanitizers. With `die_with_us` the kernel sends it SIGTERM when the master dies.
// `confine`, unless it is empty, is called in the new process before exec(2): what it gives up, the
// program does not have. Returns the pid once exec(2) has succeeded, else kSystem with the reason.
[[nodiscard]] Result<pid_t> spawn(const std::vector<std::string>& arguments,
                                  std::span<const Inherited> inherited, bool die_with_us = false,
                                  const std::function<Result<void>()>& confine = {});

}  // namespace restante::master
