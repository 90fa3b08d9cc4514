// SPDX-License-Identifier: ISC
// The header in which a load balancer says whose connection it brings: the PROXY protocol, versions
// 1 (a line) and 2 (binary), of HAProxy's proxy-protocol.txt. Bytes in, verdict out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/net/client_address.h"

namespace restante::smtpd {

struct ProxyHeader {
  enum class Status : std::uint8_t {
    kMore,  // good so far, but not whole
    kDone,
    kBad,  // no header, or one that is not as the specification has it
  };
  Status status = Status::kMore;
  std::size_t size = 0;  // done: octets of the header; what is behind it is SMTP
  std::optional<net::ClientAddress>
      client;  // done: none for LOCAL and UNKNOWN, where the peer counts
};

// `bytes` is all that has come so far. Never asks for more than kMaxProxyHeader octets.
inline constexpr std::size_t kMaxProxyHeader = 4096;
[[nodiscard]] ProxyHeader parse_proxy_header(std::string_view bytes);

}  // namespace restante::smtpd
