// SPDX-License-Identifier: ISC
// The plain HTTP port: it sends everyone to HTTPS, but nobody with a key, and gives out nothing.
#pragma once

#include <cstdint>
#include <string>

#include "apid/http/message.h"

namespace restante::apid {

// 301 to the same path and query on https. The host is the client's own, when it is one; else
// `fallback_host`. The port is named only when it is not 443. 403 to a request with a key.
[[nodiscard]] Response answer_in_clear(const Request& request, const std::string& fallback_host,
                                       std::uint16_t https_port);

}  // namespace restante::apid
