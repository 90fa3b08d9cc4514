// SPDX-License-Identifier: ISC
// The route of server-sent events (WHATWG HTML, section 9.2): /emails/USER/events.
#pragma once

#include "apid/api/router.h"

namespace restante::apid {

// GET: a stream with an event for each new mail that fits, until the client disconnects. It begins
// behind the mail that Last-Event-ID or `after` names, or else now. An outage of Redis delays
// events and loses none; at the start the response is 503.
void stream_events(Services& services, const Request& request, const RouteMatch& match,
                   const Responder& respond);

}  // namespace restante::apid
