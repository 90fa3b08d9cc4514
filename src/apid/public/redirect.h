// SPDX-License-Identifier: ISC
// Responses on the plain HTTP port: a redirect to HTTPS, except for requests with an API key.
#pragma once

#include <cstdint>
#include <string>

#include "apid/http/request.h"
#include "apid/http/response.h"

namespace restante::apid {

// Returns 301 to the same path and query on https. The host is that of the request if it is valid,
// else `fallback_host`; the port is left out if it is 443. Returns 403 to a request with a key,
// because a redirect would work, and the client would go on sending its key in clear.
[[nodiscard]] Response answer_in_clear(const Request& request, const std::string& fallback_host,
                                       std::uint16_t https_port);

}  // namespace restante::apid
