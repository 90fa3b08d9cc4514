// SPDX-License-Identifier: ISC
// A client's address: as people read it, and as limits count it.
#pragma once

#include <string>
#include <string_view>

struct sockaddr;

namespace restante::net {

struct ClientAddress {
  std::string text;      // "192.0.2.1", "2001:db8::1"; an IPv4-mapped IPv6 address as IPv4
  std::string rate_key;  // the same, but of IPv6 only the /64, which is what one customer has

  // Of IPv4 the /24, "192.0.2.0/24"; of IPv6 the /64; else rate_key.
  [[nodiscard]] std::string network() const;
};

// The text of a client of a Unix socket.
inline constexpr std::string_view kUnixClient = "unix";

// Of an IPv4 or IPv6 socket address; kUnixClient for a Unix socket, "unknown" for any other family.
[[nodiscard]] ClientAddress describe_client(const sockaddr* address);

// Of the 4 bytes of an IPv4 address, or the 16 of an IPv6 address, in network order.
[[nodiscard]] ClientAddress describe_ipv4(const void* bytes);
[[nodiscard]] ClientAddress describe_ipv6(const void* bytes);

}  // namespace restante::net
