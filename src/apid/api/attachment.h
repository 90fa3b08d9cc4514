// SPDX-License-Identifier: ISC
// One attachment of a mail, given out as a file.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "apid/http/message.h"
#include "shared/parser/client.h"

namespace restante::apid {

// The NUMBER of a path, still percent-encoded: from 1, or the answer to give instead.
[[nodiscard]] std::expected<std::uint64_t, Response> parse_attachment_number(std::string_view text);

// What mimed found, as a download, or the error.
[[nodiscard]] Response attachment_response(MimeClient::Extraction found);

// `attachment` with the name in both forms of RFC 6266: one in ASCII, and one for any characters
// (RFC 8187). Any bytes give a value that is safe in a header.
[[nodiscard]] std::string content_disposition(std::string_view name);

// The type when it is two tokens with a slash between (RFC 9110 section 8.3.1), else that of bytes
// of which nothing is known. Parameters go: nothing is to be guessed from them.
[[nodiscard]] std::string content_type(std::string_view type);

}  // namespace restante::apid
