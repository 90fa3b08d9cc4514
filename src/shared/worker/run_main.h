// SPDX-License-Identifier: ISC
// The main() of the programs that the master starts.
#pragma once

#include "shared/base/error.h"
#include "shared/worker/context.h"

namespace restante::worker {

struct WorkerProgram {
  const char* name;                 // for the log: "restante-smtpd"
  const char* exception;            // the event that an exception is logged as
  Result<void> (*run)(Context);     // serves until the worker is to exit
  int (*check)(Context) = nullptr;  // runs instead if the argument is --check
};

// Opens the log, takes over what the master has handed over, and runs the program. Returns the exit
// status. An error is logged as start_failed; for ErrorKind::kConfig the status is EX_CONFIG, and
// the master does not start the program again.
[[nodiscard]] int run_main(int argc, char** argv, const WorkerProgram& program);

}  // namespace restante::worker
