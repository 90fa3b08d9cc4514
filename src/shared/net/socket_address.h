// SPDX-License-Identifier: ISC
// A socket address of any family with its size, as bind(2) and connect(2) take it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace restante::net {

class SocketAddress {
 public:
  // Of a Unix socket. Nothing when the path is too long for one (above 107 bytes).
  [[nodiscard]] static std::optional<SocketAddress> of_path(std::string_view path);
  // Of a numeric address, IPv6 without brackets; nothing when `host` is not one.
  [[nodiscard]] static std::optional<SocketAddress> of_host(const std::string& host,
                                                            std::uint16_t port);
  // That a socket is bound to; nothing, with errno set, when getsockname(2) fails.
  [[nodiscard]] static std::optional<SocketAddress> of_socket(int fd);

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const { return size_; }
  [[nodiscard]] int family() const { return storage_.ss_family; }
  // 0 unless the family is AF_INET or AF_INET6.
  [[nodiscard]] std::uint16_t port() const;

 private:
  template <class Address>
  explicit SocketAddress(const Address& address);
  SocketAddress() = default;

  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace restante::net
