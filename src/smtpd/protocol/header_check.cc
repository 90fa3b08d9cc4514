// SPDX-License-Identifier: ISC
#include "smtpd/protocol/header_check.h"

#include <algorithm>

#include "shared/base/ascii.h"

namespace restante::smtpd {
namespace {

// field-name of RFC 5322 section 2.2 in front of a line, with the blanks that section 4.5 has seen
// in front of the colon; "" if the line does not begin a field.
std::string_view field_name(std::string_view line) {
  const auto* end =
      std::ranges::find_if_not(line, [](char c) { return c > ' ' && c <= '~' && c != ':'; });
  const std::string_view name = line.substr(0, static_cast<std::size_t>(end - line.begin()));
  const std::size_t colon = line.find_first_not_of(" \t", name.size());
  return colon != line.npos && line[colon] == ':' ? name : std::string_view();
}

bool is_folded(std::string_view line) { return line.starts_with(' ') || line.starts_with('\t'); }

}  // namespace

std::optional<Reply> check_header(std::string_view message, const HeaderLimits& limits) {
  std::uint64_t fields = 0, hops = 0;
  for (std::size_t at = 0; at < message.size();) {
    const std::size_t lf = message.find('\n', at);
    const std::size_t next = lf == message.npos ? message.size() : lf + 1;
    const std::string_view line = message.substr(at, next - at);
    const bool mbox_mark = at == 0 && line.starts_with("From ");  // some pass on what they stored
    if (!mbox_mark && !(is_folded(line) && fields > 0)) {
      const std::string_view name = field_name(line);
      if (name.empty()) break;
      ++fields;
      if (equal_ignoring_case(name, "Received")) ++hops;
    }
    if (hops > limits.hops) return Reply::kLoop;
    if (next > limits.bytes || fields > limits.fields) return Reply::kHeaderTooBig;
    at = next;
  }
  return std::nullopt;
}

}  // namespace restante::smtpd
