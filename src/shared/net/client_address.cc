// SPDX-License-Identifier: ISC
// A client's address: as people read it, and as limits count it.
#include "shared/net/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace restante {

ClientAddress describe_client(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address->sa_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, address, sizeof ipv4);
    inet_ntop(AF_INET, &ipv4.sin_addr, text, sizeof text);
    return {text, text};
  }
  if (address->sa_family == AF_UNIX) {
    return {.text = std::string(kUnixClient), .rate_key = std::string(kUnixClient)};
  }
  if (address->sa_family != AF_INET6) return {"unknown", "unknown"};
  sockaddr_in6 ipv6{};
  std::memcpy(&ipv6, address, sizeof ipv6);
  if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr)) {
    inet_ntop(AF_INET, &ipv6.sin6_addr.s6_addr[12], text, sizeof text);
    return {text, text};
  }
  inet_ntop(AF_INET6, &ipv6.sin6_addr, text, sizeof text);
  ClientAddress client{.text = text, .rate_key = {}};
  std::fill_n(&ipv6.sin6_addr.s6_addr[8], 8, std::uint8_t{0});
  inet_ntop(AF_INET6, &ipv6.sin6_addr, text, sizeof text);
  client.rate_key = std::string(text) + "/64";
  return client;
}

}  // namespace restante
