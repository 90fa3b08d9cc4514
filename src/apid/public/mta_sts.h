// SPDX-License-Identifier: ISC
// The MTA-STS policy (RFC 8461), by which senders know that they may insist on TLS.
#pragma once

#include "apid/http/message.h"
#include "shared/config/config.h"

namespace restante::apid {

// The policy that the configuration wants published, or 404. It is the same for every domain, and
// whatever name it is asked for by: only mta-sts.DOMAIN is ever looked at (section 3.3), and the
// sender has checked by the certificate that it is there.
[[nodiscard]] Response mta_sts_response(const Config& config);

}  // namespace restante::apid
