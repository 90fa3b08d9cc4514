// SPDX-License-Identifier: ISC
// The listening sockets. The master binds them while it may still bind ports below 1024.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "master/privileges.h"
#include "shared/base/error.h"
#include "shared/base/unique_fd.h"
#include "shared/config/config.h"
#include "shared/worker/context.h"

namespace restante::master {

struct Listeners {
  std::vector<worker::NamedFd> fds;
  std::vector<std::string> passed_names;  // of those that systemd passed

  [[nodiscard]] bool passed(std::string_view name) const;
};

// Receives the listeners that systemd passed, and binds the addresses of each setting for which it
// passed none. Logs each listener with its port. Only `identity` and its group can connect to a
// Unix socket. The error names the setting, the address and what to do.
[[nodiscard]] Result<Listeners> bind_listeners(const config::Config& config,
                                               const Identity& identity);

// Removes the Unix sockets that bind_listeners() made, if this user may remove them.
void remove_unix_sockets(const config::Config& config);

// Returns a SOCK_SEQPACKET listener at `path`, for mimed. Replaces a file that an earlier run left.
[[nodiscard]] Result<UniqueFd> listen_unix(const std::string& path);

// Returns the port of a bound socket, or 0 for a Unix socket.
[[nodiscard]] std::uint16_t bound_port(int fd);

}  // namespace restante::master
