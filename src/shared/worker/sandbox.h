// SPDX-License-Identifier: ISC
// The sandbox of the workers: from here on a worker has the system calls, files and ports that it
// needs and no other. SECURITY.md says what that is good for.
#pragma once

#include "shared/base/program.h"
#include "shared/worker/needs.h"

namespace restante::worker {

// To be called once, when all is set up and before the first byte of a client is read. A process
// that makes another system call afterwards ends by SIGSYS; what libraries only try, and do
// without, fails instead. Nothing is done where the setting `sandbox` is off or the build has a
// sanitizer; the error says what the operator can do.
[[nodiscard]] Result<void> enter_sandbox(Program program, const config::Config& config);

}  // namespace restante::worker
