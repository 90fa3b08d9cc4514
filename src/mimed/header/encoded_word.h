// SPDX-License-Identifier: ISC
// Unstructured header values with encoded words (RFC 2047).
#pragma once

#include <string>
#include <string_view>

#include "mimed/text/charset.h"

namespace restante::mimed {

// An unstructured value as one line of UTF-8: unfolded, encoded words decoded, raw 8-bit bytes read
// as UTF-8 or windows-1252, every control character a space. Words of one charset that stand next
// to each other are joined before they are converted, since writers split characters between them.
// A broken word is shown as it is.
[[nodiscard]] std::string decode_header_text(CharsetConverter& converter, std::string_view raw);

}  // namespace restante::mimed
