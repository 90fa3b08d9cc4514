// SPDX-License-Identifier: ISC
// Routes of one mail: /emails/USER/ID. ID is 19 digits, or "latest": the newest mail, or with a
// query the newest mail that fits. `wait` holds the request until there is one.
#pragma once

#include "apid/api/router.h"

namespace restante::apid {

// GET: the mail as JSON, with its details.
void get_mail(Services& services, const Request& request, const RouteMatch& match,
              const Responder& respond);

// GET …/raw: the mail as it was received, after the trace header. Ranges and ETag are served.
void get_raw(Services& services, const Request& request, const RouteMatch& match,
             const Responder& respond);

// GET …/attachments/NUMBER: the decoded attachment as a download. Ranges and ETag are served.
void get_attachment(Services& services, const Request& request, const RouteMatch& match,
                    const Responder& respond);

// DELETE: removes the mail. "latest" is refused, because mail that arrives meanwhile changes it.
void delete_mail(Services& services, const Request& request, const RouteMatch& match,
                 const Responder& respond);

}  // namespace restante::apid
