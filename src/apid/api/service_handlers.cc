// SPDX-License-Identifier: ISC
#include "apid/api/service_handlers.h"

#include "apid/api/openapi.h"
#include "apid/api/services.h"
#include "apid/public/mta_sts.h"

namespace restante::apid {
namespace {

constexpr const char* kStatusOk = R"({"status":"ok"})";

}  // namespace

void get_mta_sts_policy(Services& services, const Request& /*request*/, const RouteMatch& /*match*/,
                        const Responder& respond) {
  respond(mta_sts_response(services.config));
}

void get_openapi(Services& /*services*/, const Request& /*request*/, const RouteMatch& /*match*/,
                 const Responder& respond) {
  respond(json_response(200, std::string(openapi_document())));
}

void get_metrics(Services& services, const Request& /*request*/, const RouteMatch& /*match*/,
                 const Responder& respond) {
  respond({.status = 200,
           .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"},
                       {"Cache-Control", "no-store"},
                       {"X-Content-Type-Options", "nosniff"}},
           .body = services.metrics()});
}

void get_health(Services& /*services*/, const Request& /*request*/, const RouteMatch& /*match*/,
                const Responder& respond) {
  respond(json_response(200, kStatusOk));
}

void get_readiness(Services& services, const Request& /*request*/, const RouteMatch& /*match*/,
                   const Responder& respond) {
  services.reader.ping([respond](Result<void> pinged) {
    respond(pinged ? json_response(200, kStatusOk) : store_away());
  });
}

}  // namespace restante::apid
