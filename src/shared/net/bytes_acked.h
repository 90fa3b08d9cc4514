// SPDX-License-Identifier: ISC
// How much of what was sent has arrived.
#pragma once

#include <cstdint>
#include <optional>

namespace restante::net {

// Bytes that the other side of the TCP connection `fd` has acknowledged since it was made
// (tcpi_bytes_acked of tcp(7)). Nothing for a socket of another kind.
[[nodiscard]] std::optional<std::uint64_t> bytes_acked(int fd);

}  // namespace restante::net
