// SPDX-License-Identifier: ISC
#include "shared/net/bytes_acked.h"

#include <linux/tcp.h>  // that of glibc does not have the field
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace restante::net {

std::optional<std::uint64_t> bytes_acked(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  if (size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return {};
  return info.tcpi_bytes_acked;
}

}  // namespace restante::net
