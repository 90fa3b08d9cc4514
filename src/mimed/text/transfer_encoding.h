// SPDX-License-Identifier: ISC
// Content transfer encodings (RFC 2045 section 6), decoded from whatever came.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/hex.h"

namespace restante::mimed {

// RFC 2045 section 6.8. Bytes outside the alphabet are skipped, and padding ends a group, not the
// data: what follows it is decoded as well.
[[nodiscard]] std::string decode_base64(std::string_view encoded);

// RFC 2045 section 6.7. A broken escape stays as it is; white space at the end of a line goes.
[[nodiscard]] std::string decode_quoted_printable(std::string_view encoded);

// The Q encoding of RFC 2047 section 4.2: as above, and `_` is a space.
[[nodiscard]] std::string decode_q(std::string_view encoded);

// By the value of a Content-Transfer-Encoding field. An unknown one leaves the bytes as they are.
[[nodiscard]] std::string decode_transfer(std::string_view content, std::string_view encoding);

}  // namespace restante::mimed
