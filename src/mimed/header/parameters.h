// SPDX-License-Identifier: ISC
// Structured header values: parameters (RFC 2045, RFC 2231) and file names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mimed/text/charset.h"

namespace restante::mimed {

struct Parameter {
  std::string name;   // lower case, with the stars of RFC 2231
  std::string value;  // without quotes
};

// Content-Type or Content-Disposition taken apart. Linear; at most kParameterLimit parameters.
struct ParsedValue {
  std::string value;  // lower case: "text/plain", "attachment"
  std::vector<Parameter> parameters;

  // The first plain parameter of that name, undecoded; empty if there is none.
  [[nodiscard]] std::string_view plain(std::string_view name) const;
  // As text: RFC 2231 in all its forms, else the plain one with encoded words decoded.
  [[nodiscard]] std::string text(CharsetConverter& converter, std::string_view name) const;
};

inline constexpr std::size_t kParameterLimit = 200;

[[nodiscard]] ParsedValue parse_value(std::string_view raw);

// A name that is safe to save a file under, or empty if nothing is left: the last component of a
// path, without control and direction characters, not `.` or `..`, at most 255 bytes (the ending is
// kept). `name` is valid UTF-8.
[[nodiscard]] std::string safe_file_name(std::string_view name);

}  // namespace restante::mimed
