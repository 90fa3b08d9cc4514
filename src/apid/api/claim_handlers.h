// SPDX-License-Identifier: ISC
// The route of claims: /emails/USER/claim.
#pragma once

#include "apid/api/router.h"

namespace restante::apid {

// POST: responds with the oldest unclaimed mail that fits, and removes it once the response has
// been sent (settlements.h). `wait` holds the request until there is one.
void claim_mail(Services& services, const Request& request, const RouteMatch& match,
                const Responder& respond);

}  // namespace restante::apid
