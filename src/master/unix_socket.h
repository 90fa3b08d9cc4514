// SPDX-License-Identifier: ISC
// A Unix socket that other programs connect to, such as a reverse proxy.
#pragma once

#include <string>

#include "master/privileges.h"
#include "shared/base/error.h"
#include "shared/base/unique_fd.h"

namespace restante::master {

// Returns a SOCK_STREAM listener at `path`, with mode 0660 and owner `identity`. Replaces a socket
// on which no program listens any more. Anything else at `path` is an error. The error says what to
// do, but does not name the setting.
[[nodiscard]] Result<UniqueFd> listen_for_others(const std::string& path, const Identity& identity);

// Removes the socket at `path`, if there is one and this user may remove it.
void remove_socket(const std::string& path);

}  // namespace restante::master
