// SPDX-License-Identifier: ISC
// A mail taken apart: a tree of views into the raw mail.
#pragma once

#include <string_view>
#include <vector>

#include "mimed/header/parameters.h"

namespace restante::mimed {

// One body part (RFC 2045 section 2.5). The raw mail must outlive it.
struct Part {
  std::string_view header;   // its header block, perhaps with more behind it
  std::string_view content;  // still encoded; empty for a multipart
  ParsedValue type;          // Content-Type; never without a value
  ParsedValue disposition;   // Content-Disposition; an empty value if there is none
  std::vector<Part> children;

  [[nodiscard]] bool is_multipart() const { return type.value.starts_with("multipart/"); }
};

// A part without children, described by its header. `default_type` is for one that does not say.
[[nodiscard]] Part make_part(std::string_view header, std::string_view content,
                             std::string_view default_type = "text/plain");

}  // namespace restante::mimed
