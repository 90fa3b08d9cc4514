// SPDX-License-Identifier: ISC
// From the parts of a mail to what a reader wants to see: two bodies and a list of names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mimed/charset.h"
#include "mimed/part.h"
#include "shared/message.h"

namespace restante::mimed {

// Fills in bodies and attachments.
//
// The first text/plain and the first text/html that are no attachments are the bodies; of a
// multipart/alternative the last of each kind (RFC 2046 section 5.1.4), of a multipart/related its
// root (RFC 2387). A text of format=flowed is unflowed. A Content-Disposition decides what is an
// attachment, without one a file name does. All else is an attachment, a message/rfc822 too: its
// parts are not looked at. Line ends in the bodies are `\n`, whatever they were.
void assemble(const Part& root, CharsetConverter& converter, Message& message);

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
void assemble_roughly(std::string_view body, CharsetConverter& converter, Message& message);

}  // namespace restante::mimed
