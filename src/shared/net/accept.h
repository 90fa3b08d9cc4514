// SPDX-License-Identifier: ISC
// Takes a client that waits at a listening socket.
#pragma once

#include <sys/socket.h>

#include "shared/base/unique_fd.h"

namespace restante::net {

struct Accepted {
  UniqueFd socket;  // close-on-exec and non-blocking; nothing, with errno set: see accept(2)
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;

  [[nodiscard]] const sockaddr* address() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};

[[nodiscard]] Accepted accept_client(int listener);

// Whether an error of accept(2) means that this process, or the system, has no descriptor left:
// then the listener stays readable.
[[nodiscard]] bool out_of_descriptors(int error_number);

}  // namespace restante::net
