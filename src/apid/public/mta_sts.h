// SPDX-License-Identifier: ISC
// The MTA-STS policy (RFC 8461), which tells senders that they may insist on TLS.
#pragma once

#include "apid/http/response.h"
#include "shared/config/config.h"

namespace restante::apid {

// Returns the policy of the configuration, or 404 if mta_sts is none. It is the same for every
// domain, and the Host of the request is ignored: senders only ask mta-sts.DOMAIN (section 3.3),
// and have checked its certificate.
[[nodiscard]] Response mta_sts_response(const config::Config& config);

}  // namespace restante::apid
