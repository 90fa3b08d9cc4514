// SPDX-License-Identifier: ISC
// The sandbox of a private redis-server, which workers send commands to. SECURITY.md says what that
// is good for.
#pragma once

#include <string>

#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::worker {

// Gives up what redis-server does not need. Call it in the process that is to become redis-server,
// before exec(2): the program inherits what is left. `program` is its path. After the call
//  - no socket other than a Unix socket can be made, on any kernel;
//  - with Landlock 2 or newer (Linux 5.19) the process writes to `redis_directory` alone, makes and
//    removes sockets and files in `runtime_dir`, and reads and executes programs and libraries.
// Landlock 1 is not used: it cannot allow rename(2) from one directory to another, which a rewrite
// of the append-only file needs. Does nothing where the setting `sandbox` is off.
// Returns kConfig with what the operator can do.
[[nodiscard]] Result<void> enter_redis_sandbox(const config::Config& config,
                                               const std::string& program);

}  // namespace restante::worker
