// SPDX-License-Identifier: ISC
// The charset that an HTML document declares of itself.
#pragma once

#include <string>
#include <string_view>

namespace restante::mimed {

// The charset that a <meta> element among the first 1024 bytes names (WHATWG HTML
// section 13.2.3.2), or empty.
[[nodiscard]] std::string html_charset(std::string_view html);

}  // namespace restante::mimed
