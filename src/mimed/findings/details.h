// SPDX-License-Identifier: ISC
// What the details of a mail say of its header.
#pragma once

#include <cstddef>
#include <string_view>

#include "mimed/text/charset.h"
#include "shared/mail/message.h"

namespace restante::mimed {

// Fills in headers, addresses, message_id and date from a header block. Reads `field_limit` fields
// at most; a value is cut at 16 KiB. Of several fields of a kind the first has the Message-ID and
// the date, and their addresses come one after the other.
void read_header(std::string_view header, std::size_t field_limit, CharsetConverter& converter,
                 mail::Message& message);

// Fills in snippet, links and codes from the subject and the bodies, which must be there.
void read_content(mail::Message& message);

}  // namespace restante::mimed
