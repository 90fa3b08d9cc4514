// SPDX-License-Identifier: ISC
// The JSON of stored mails: their fragments (mail/message.h) joined, and never parsed.
#pragma once

#include <string>

#include "shared/store/reader.h"

namespace restante::apid {

// Appends an object of the list to `json`: with the bodies, or with size, snippet and number of
// attachments.
void append_listed_mail(std::string& json, const store::ListedMail& mail, bool with_bodies);

// The array of a page's mails.
[[nodiscard]] std::string page_json(const store::Page& page, bool with_bodies);

// The object of one mail, with its details.
[[nodiscard]] std::string mail_json(const store::StoredMail& mail);

}  // namespace restante::apid
