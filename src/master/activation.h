// SPDX-License-Identifier: ISC
// Receives the listening sockets that systemd passed to the master (sd_listen_fds(3)).
#pragma once

#include <vector>

#include "shared/base/error.h"
#include "shared/worker/context.h"

namespace restante::master {

// Returns the sockets that systemd passed, which may be none, and clears its variables. Call it
// once. Each socket must have the name smtp, smtp_proxy, http, https or http_api
// (FileDescriptorName= in its socket unit) and fit that purpose, else the error (kConfig) says
// which one does not, and why.
[[nodiscard]] Result<std::vector<worker::NamedFd>> adopt_passed_listeners();

}  // namespace restante::master
