// SPDX-License-Identifier: ISC
// Mails, out of the fragments of JSON that they are stored as, for people. JSON is as it was
// stored: print it by terminal_json() (text.h).
#pragma once

#include <string>

#include "shared/store/reader.h"

namespace restante::ctl {

// A table, a line a mail.
[[nodiscard]] std::string inbox_text(const store::Page& page);
// As the API lists them, without bodies.
[[nodiscard]] std::string inbox_json(const store::Page& page);

// Envelope, header fields, names of attachments, text.
[[nodiscard]] std::string mail_text(const store::StoredMail& mail);
// As the API has it.
[[nodiscard]] std::string mail_json(const store::StoredMail& mail);

}  // namespace restante::ctl
