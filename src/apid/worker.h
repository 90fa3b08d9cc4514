// SPDX-License-Identifier: ISC
// The worker: puts the parts together and runs until the master wants it gone.
#pragma once

#include <cstdint>

#include "shared/error.h"
#include "shared/worker_context.h"

namespace restante::apid {

// Serves until the life pipe ends and the last client has gone. An error means that it never began.
// `number` is its own among the workers, so that they begin with different parsers.
[[nodiscard]] Result<void> run_worker(WorkerContext context, std::uint64_t number);

}  // namespace restante::apid
