// SPDX-License-Identifier: ISC
// Routes about the service itself, none of which is about a mailbox.
#pragma once

#include "apid/api/router.h"

namespace restante::apid {

// GET /.well-known/mta-sts.txt: see public/mta_sts.h.
void get_mta_sts_policy(Services& services, const Request& request, const RouteMatch& match,
                        const Responder& respond);

// GET /openapi.json: the description of the API (openapi.h).
void get_openapi(Services& services, const Request& request, const RouteMatch& match,
                 const Responder& respond);

// GET /metrics: the counters in the text format of Prometheus (metrics.h).
void get_metrics(Services& services, const Request& request, const RouteMatch& match,
                 const Responder& respond);

// GET /healthz: 200 whenever the worker serves.
void get_health(Services& services, const Request& request, const RouteMatch& match,
                const Responder& respond);

// GET /readyz: 200 if Redis answers now, else 503.
void get_readiness(Services& services, const Request& request, const RouteMatch& match,
                   const Responder& respond);

}  // namespace restante::apid
