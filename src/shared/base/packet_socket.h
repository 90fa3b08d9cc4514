// SPDX-License-Identifier: ISC
// Packets on a Unix socket that may carry one descriptor.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <span>

#include "shared/base/unique_fd.h"

namespace restante {
inline namespace base {

// Sends the pieces as one packet, with a descriptor unless `passed` is -1, and never waits. False
// with errno: EAGAIN when there is no room.
[[nodiscard]] bool send_packet(int fd, std::span<iovec> pieces, int passed);

struct ReceivedPacket {
  ssize_t size = -1;  // -1 with errno: EAGAIN when there is none; 0 at the end
  UniqueFd passed;    // the descriptor that it came with
  bool cut = false;   // it was larger than the pieces, or had more descriptors
};

// Reads one packet into the pieces, and never waits. With MSG_PEEK it is left there.
[[nodiscard]] ReceivedPacket receive_packet(int fd, std::span<iovec> pieces, int flags = 0);

}  // namespace base
}  // namespace restante
