// SPDX-License-Identifier: ISC
#include "shared/net/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace restante::net {

std::string ClientAddress::network() const {
  const std::size_t last_dot = rate_key.rfind('.');  // a /64 has no dots: its last 64 bits are 0
  return last_dot == std::string::npos ? rate_key : rate_key.substr(0, last_dot) + ".0/24";
}

ClientAddress describe_ipv4(const void* bytes) {
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, bytes, text, sizeof text);
  return {text, text};
}

ClientAddress describe_ipv6(const void* bytes) {
  in6_addr address{};
  std::memcpy(&address, bytes, sizeof address);
  if (IN6_IS_ADDR_V4MAPPED(&address)) return describe_ipv4(&address.s6_addr[12]);
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(AF_INET6, &address, text, sizeof text);
  ClientAddress client{.text = text, .rate_key = {}};
  std::fill_n(&address.s6_addr[8], 8, std::uint8_t{0});
  inet_ntop(AF_INET6, &address, text, sizeof text);
  client.rate_key = std::string(text) + "/64";
  return client;
}

ClientAddress describe_client(const sockaddr* address) {
  switch (address->sa_family) {
    case AF_INET:
      return describe_ipv4(reinterpret_cast<const char*>(address) +
                           offsetof(sockaddr_in, sin_addr));
    case AF_INET6:
      return describe_ipv6(reinterpret_cast<const char*>(address) +
                           offsetof(sockaddr_in6, sin6_addr));
    case AF_UNIX:
      return {.text = std::string(kUnixClient), .rate_key = std::string(kUnixClient)};
    default:
      return {"unknown", "unknown"};
  }
}

}  // namespace restante::net
