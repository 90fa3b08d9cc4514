// SPDX-License-Identifier: ISC
#include "mimed/parts/flowed.h"

#include <algorithm>

#include "shared/base/ascii.h"

namespace restante::mimed {
namespace {

constexpr std::string_view kSignature = "-- ";  // section 4.3: never flowed

}  // namespace

bool is_flowed(const ParsedValue& type) {
  return type.value == "text/plain" && equal_ignoring_case(type.plain("format"), "flowed");
}

std::string unflow(std::string_view text, bool delete_space) {
  std::string out;
  out.reserve(text.size() + 16);
  std::size_t open_depth = 0;
  bool open = false;  // the last line goes on
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);

    const std::size_t depth = std::min(line.find_first_not_of('>'), line.size());
    line.remove_prefix(depth);
    if (line.starts_with(' ')) line.remove_prefix(1);
    const bool is_signature = line == kSignature;
    if (open && (depth != open_depth || is_signature)) {
      out += '\n';  // section 4.5: a paragraph that was to go on, and does not
      open = false;
    }
    if (!open) {
      out.append(depth, '>');
      if (depth > 0 && !line.empty()) out += ' ';
    }
    const bool flows = line.ends_with(' ') && !is_signature;
    if (flows && delete_space) line.remove_suffix(1);
    out += line;
    if (!flows && (newline != std::string_view::npos)) out += '\n';
    open = flows;
    open_depth = depth;
  }
  if (open) out += '\n';
  return out;
}

}  // namespace restante::mimed
