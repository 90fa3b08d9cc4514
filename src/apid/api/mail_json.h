// SPDX-License-Identifier: ISC
// The JSON of stored mails: fragments (shared/message.h) joined, never parsed.
#pragma once

#include <string>

#include "shared/store/mail_store.h"

namespace restante::apid {

// One element of a list: with its bodies, or with size, snippet and number of attachments.
void append_listed_mail(std::string& json, const ListedMail& mail, bool with_bodies);

[[nodiscard]] std::string page_json(const Page& page, bool with_bodies);

// One mail with all that is known of it.
[[nodiscard]] std::string mail_json(const StoredMail& mail);

}  // namespace restante::apid
