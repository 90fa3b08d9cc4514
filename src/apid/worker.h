// SPDX-License-Identifier: ISC
// The worker: puts the parts together and runs until the master wants it gone.
#pragma once

#include "shared/base/error.h"
#include "shared/worker/context.h"

namespace restante::apid {

// Serves until the life pipe ends and the last client has gone. An error means that it never began.
[[nodiscard]] Result<void> run_worker(worker::Context context);

}  // namespace restante::apid
