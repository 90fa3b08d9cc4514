// SPDX-License-Identifier: ISC
#include "shared/net/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace restante::net {

template <class Address>
SocketAddress::SocketAddress(const Address& address) : size_(sizeof address) {
  std::memcpy(&storage_, &address, sizeof address);
}

std::optional<SocketAddress> SocketAddress::of_path(std::string_view path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return SocketAddress(address);
}

std::optional<SocketAddress> SocketAddress::of_host(const std::string& host, std::uint16_t port) {
  sockaddr_in ipv4{};
  if (inet_pton(AF_INET, host.c_str(), &ipv4.sin_addr) == 1) {
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port);
    return SocketAddress(ipv4);
  }
  sockaddr_in6 ipv6{};
  if (inet_pton(AF_INET6, host.c_str(), &ipv6.sin6_addr) != 1) return std::nullopt;
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(port);
  return SocketAddress(ipv6);
}

std::optional<SocketAddress> SocketAddress::of_socket(int fd) {
  SocketAddress address;
  address.size_ = sizeof address.storage_;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) {
    return std::nullopt;
  }
  return address;
}

std::uint16_t SocketAddress::port() const {
  sockaddr_in6 address{};  // of either family: the port is at the same place
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  std::memcpy(&address, &storage_, sizeof address);
  const bool has_port = family() == AF_INET || family() == AF_INET6;
  return has_port ? ntohs(address.sin6_port) : std::uint16_t{0};
}

}  // namespace restante::net
