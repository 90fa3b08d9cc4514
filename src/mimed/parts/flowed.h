// SPDX-License-Identifier: ISC
// Text of format=flowed (RFC 3676) as its writer saw it: a paragraph a line.
#pragma once

#include <string>
#include <string_view>

#include "mimed/header/parameters.h"

namespace restante::mimed {

// Whether a Content-Type says format=flowed.
[[nodiscard]] bool is_flowed(const ParsedValue& type);

// Joins lines that end in a space with the next one of the same quote depth; with `delete_space`
// (DelSp=yes) that space was put in. Takes away the stuffed spaces. A paragraph keeps its quote
// marks, in front and once; the line `-- ` above a signature stays. Lines end in `\n`. Linear.
[[nodiscard]] std::string unflow(std::string_view text, bool delete_space);

}  // namespace restante::mimed
