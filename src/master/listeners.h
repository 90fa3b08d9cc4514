// SPDX-License-Identifier: ISC
// The listening sockets: bound while the master may still bind low ports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "master/privileges.h"
#include "shared/base/error.h"
#include "shared/config/config.h"
#include "shared/worker/context.h"

namespace restante::master {

struct Listeners {
  std::vector<NamedFd> fds;
  std::vector<std::string> passed_names;  // of those that systemd has made

  [[nodiscard]] bool passed(std::string_view name) const;
};

// Takes what systemd has passed, and binds every address that the configuration names for SMTP,
// HTTP and HTTPS where nothing was passed for that purpose; logs each with the port that it got.
// The error names the setting, the address and what to do. A Unix socket is for `identity` and its
// group alone.
[[nodiscard]] Result<Listeners> bind_listeners(const Config& config, const Identity& identity);

// Removes the Unix sockets that bind_listeners has made, where this user may.
void remove_unix_sockets(const Config& config);

// A SOCK_SEQPACKET listener at `path`, for mimed. What is left there of an earlier run goes.
[[nodiscard]] Result<UniqueFd> listen_unix(const std::string& path);

// The port that a bound socket has; 0 for a Unix socket.
[[nodiscard]] std::uint16_t bound_port(int fd);

}  // namespace restante::master
