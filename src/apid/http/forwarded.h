// SPDX-License-Identifier: ISC
// Whom a request comes from that a reverse proxy has passed on: X-Forwarded-For, read with care.
#pragma once

#include <span>
#include <string_view>

#include "shared/net/client_address.h"
#include "shared/net/address_range.h"

namespace restante::apid {

// `peer` is who is connected. `field` is the X-Forwarded-For of the request, several fields of it
// joined by commas: each proxy appends whom it has the request from, so only what was written by
// one that is trusted is true. From the right the first address that is not trusted is the client;
// where all are, the leftmost. The client of a Unix socket ("unix") is trusted always.
//
// Without the field, with a peer that is not trusted, or when an element that counts is no address,
// the peer is the client.
[[nodiscard]] ClientAddress forwarded_client(const ClientAddress& peer, std::string_view field,
                                             std::span<const Network> trusted);

}  // namespace restante::apid
