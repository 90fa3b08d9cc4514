// SPDX-License-Identifier: ISC
// Listening sockets that systemd has made and passed to the master (sd_listen_fds(3)).
#pragma once

#include <vector>

#include "shared/base/error.h"
#include "shared/worker/context.h"

namespace restante::master {

// Each is named smtp, smtp_proxy, http, https or http_api (FileDescriptorName= of its socket unit)
// and is checked to be fit for that; the error says what is wrong with which. None were passed:
// none. Clears the variables; to be called once.
[[nodiscard]] Result<std::vector<NamedFd>> take_passed_listeners();

}  // namespace restante::master
