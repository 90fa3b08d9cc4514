// SPDX-License-Identifier: ISC
#include "mimed/header/fields.h"

#include "shared/base/ascii.h"

namespace restante::mimed {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// The length of the field name that `line` begins with, or 0. RFC 5322 section 2.2: printable
// ASCII without the colon; section 4.5 has white space before the colon.
std::size_t name_size(std::string_view line) {
  std::size_t size = 0;
  while (size < line.size() && line[size] > ' ' && line[size] < 0x7f && line[size] != ':') ++size;
  std::size_t colon = size;
  while (colon < line.size() && is_blank(line[colon])) ++colon;
  return colon < line.size() && line[colon] == ':' ? size : 0;
}

}  // namespace

bool HeaderReader::next(HeaderField& field) {
  const std::string_view rest = text_.substr(position_);
  if (rest.empty()) return false;
  if (rest.front() == '\n' || rest.starts_with("\r\n")) {
    position_ += rest.front() == '\n' ? 1 : 2;
    return false;
  }
  std::size_t newline = rest.find('\n');
  const std::size_t size = name_size(rest.substr(0, newline));
  if (size == 0 && on_junk_ == OnJunk::kEndsHeader) return false;
  // A line that begins with white space goes on with the field (section 2.2.3).
  while (newline != std::string_view::npos && newline + 1 < rest.size() &&
         is_blank(rest[newline + 1])) {
    newline = rest.find('\n', newline + 1);
  }
  std::string_view whole = rest.substr(0, newline);
  if (whole.ends_with('\r')) whole.remove_suffix(1);
  field.name = whole.substr(0, size);
  field.value = size == 0 ? whole : whole.substr(whole.find(':', size) + 1);
  position_ += newline == std::string_view::npos ? rest.size() : newline + 1;
  return true;
}

std::string_view find_field(std::string_view header, std::string_view name) {
  HeaderReader reader(header, OnJunk::kReport);
  HeaderField field;
  while (reader.next(field)) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

}  // namespace restante::mimed
