// SPDX-License-Identifier: ISC
// Giving up root: who to become, becoming it, and proof that there is no way back.
#pragma once

#include <sys/types.h>

#include <string>

#include "shared/base/error.h"

namespace restante::master {

struct Identity {
  std::string name;
  uid_t uid;
  gid_t gid;
};

// Whom the daemon runs as: the user of that name when started as root, else whoever started it.
[[nodiscard]] Result<Identity> find_identity(const std::string& user);

// Becomes `identity` for good, with its own group alone, and can gain no privilege again. Without
// root it gives up the capabilities that it was started with. Where there was nothing to drop, or
// for the user root, a log line says so.
[[nodiscard]] Result<void> drop_privileges(const Identity& identity);

// Makes `path` if it is not there, owned by `identity` and closed to others.
[[nodiscard]] Result<void> make_private_directory(const std::string& path,
                                                  const Identity& identity);

}  // namespace restante::master
