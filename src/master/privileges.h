// SPDX-License-Identifier: ISC
// Gives up the privileges of root for good.
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

// Returns the identity that the daemon runs as: of the user of that name if this is root, else its
// own. The error (kConfig) says that there is no such user.
[[nodiscard]] Result<Identity> find_identity(const std::string& user);

// Becomes `identity` with its own group alone, and makes sure that root cannot be regained. Without
// root, gives up the capabilities that the process was started with. Logs privileges_dropped, or
// privileges_kept if there was nothing to give up or the user is root.
[[nodiscard]] Result<void> drop_privileges(const Identity& identity);

// Makes the directory `path` with mode 0700 unless it exists. As root, gives it to `identity`. The
// error says which step failed.
[[nodiscard]] Result<void> make_private_directory(const std::string& path,
                                                  const Identity& identity);

}  // namespace restante::master
