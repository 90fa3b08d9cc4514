// SPDX-License-Identifier: ISC
// SHA-256 (FIPS 180-4).
#pragma once

#include <string>
#include <string_view>

namespace restante::mimed {

// In lower-case hexadecimal, 64 characters.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace restante::mimed
