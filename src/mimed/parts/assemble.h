// SPDX-License-Identifier: ISC
// From the parts of a mail to what a reader wants to see: two bodies and a list of names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mimed/parts/part.h"
#include "mimed/text/charset.h"
#include "shared/mail/message.h"

namespace restante::mimed {

// Fills in bodies and attachments.
//
// A text/plain or text/html is a text unless it is an attachment: a Content-Disposition decides
// that, without one a file name does. The first text of each kind is a body; of a
// multipart/alternative the last of its kind (RFC 2046 section 5.1.4), where one that stands beside
// other parts counts only if there is no other; of a multipart/related only its root is looked at
// (RFC 2387). Other forms of a body, which are the texts of an alternative that has a body, are
// left out. All else is an attachment, a message/rfc822 too: its parts are not looked at. A text of
// format=flowed is unflowed. Line ends in the bodies are `\n`, whatever they were.
void assemble(const Part& root, CharsetConverter& converter, mail::Message& message);

struct ExtractedPart {
  std::string name, type;  // as in the message
  std::string bytes;       // decoded
};

struct Extraction {
  std::uint64_t count = 0;            // of the attachments that there are
  std::optional<ExtractedPart> part;  // none when there are fewer than asked for
};

// The attachment that assemble() puts at place `number`, from 1.
[[nodiscard]] Extraction extract_attachment(const Part& root, CharsetConverter& converter,
                                            std::uint64_t number);

// For a multipart that goes past a bound: looks for the first texts only, with small steps and a
// bound on each, and lists no attachments.
void assemble_roughly(std::string_view body, CharsetConverter& converter, mail::Message& message);

}  // namespace restante::mimed
