// SPDX-License-Identifier: ISC
// A Unix socket that programs of others connect to: a reverse proxy, say.
#pragma once

#include <string>

#include "master/privileges.h"
#include "shared/base/c_ptr.h"
#include "shared/base/error.h"

namespace restante::master {

// A SOCK_STREAM listener at `path`, for `identity` and its group (mode 0660). A socket there that
// nobody listens on any more is replaced; whatever else is there stays, and is an error. The error
// says what to do, but not which setting it is.
[[nodiscard]] Result<UniqueFd> listen_for_others(const std::string& path, const Identity& identity);

// Removes a socket at `path`, if this user may.
void remove_socket(const std::string& path);

}  // namespace restante::master
