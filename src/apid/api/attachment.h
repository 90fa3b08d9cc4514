// SPDX-License-Identifier: ISC
// The response that gives one attachment of a mail as a download.
#pragma once

#include <string>
#include <string_view>

#include "apid/http/response.h"
#include "shared/parser/client.h"

namespace restante::apid {

// 200 with the attachment as a file; 404 if the mail has no such attachment; 500 if the parser
// could not process the mail; 503 if no parser is available.
[[nodiscard]] Response attachment_response(parser::Extractor::Extraction found);

// Returns the value of Content-Disposition: `attachment` with `name` in both forms of RFC 6266, in
// ASCII and in any characters (RFC 8187). It is safe in a header whatever bytes `name` has.
[[nodiscard]] std::string content_disposition(std::string_view name);

// Returns `type` if it is two tokens with a slash between (RFC 9110 section 8.3.1), without
// parameters; else application/octet-stream.
[[nodiscard]] std::string content_type(std::string_view type);

}  // namespace restante::apid
