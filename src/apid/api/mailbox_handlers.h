// SPDX-License-Identifier: ISC
// Routes of a mailbox: /emails/USER.
#pragma once

#include "apid/api/router.h"

namespace restante::apid {

// GET: a page of the mailbox as a JSON array, with a Link field (RFC 8288) to the next page. `wait`
// holds the request until there is mail.
void list_mails(Services& services, const Request& request, const RouteMatch& match,
                const Responder& respond);

// DELETE: removes all mail of the mailbox. It takes no query, so that nobody deletes more than the
// query would have selected.
void clear_mailbox(Services& services, const Request& request, const RouteMatch& match,
                   const Responder& respond);

}  // namespace restante::apid
