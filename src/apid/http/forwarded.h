// SPDX-License-Identifier: ISC
// The client of a request that reverse proxies have forwarded.
#pragma once

#include <span>
#include <string_view>

#include "shared/net/address_range.h"
#include "shared/net/client_address.h"

namespace restante::apid {

// Finds the client in `field`, the X-Forwarded-For of a request; several fields are joined by
// commas. `peer` is the client of the connection. Each proxy appends the address that it has the
// request from, so an address is true only if a trusted proxy wrote it.
//
// Returns the rightmost address that is not in `trusted`, or the leftmost if all are. Returns
// `peer` if there is no field, if `peer` is not trusted, or if an address that must be read is
// malformed. A peer on a Unix socket (kUnixClient) is always trusted.
[[nodiscard]] net::ClientAddress forwarded_client(const net::ClientAddress& peer,
                                                  std::string_view field,
                                                  std::span<const net::AddressRange> trusted);

}  // namespace restante::apid
