// SPDX-License-Identifier: ISC
// fork and exec of one program with named descriptors: the master's half of worker_context.h.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"

namespace restante::master {

struct Inherited {
  std::string_view name;  // see restante::fd_name
  int fd;
};

// Starts `arguments[0]` (a path, or a name to be looked up in PATH) in a process group of its own,
// with the given descriptors from 3 on and no other, and an environment of nothing but what names
// them and what concerns the log. Returns once the program runs; the error says why it does not.
// With `die_with_us` the process gets SIGTERM when the master dies.
[[nodiscard]] Result<pid_t> spawn(const std::vector<std::string>& arguments,
                                  std::span<const Inherited> inherited, bool die_with_us = false);

}  // namespace restante::master
