// SPDX-License-Identifier: ISC
#include "apid/http/ranges.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "shared/base/ascii.h"

namespace restante::apid {
namespace {

// 1*DIGIT. A number that does not fit counts as the largest.
std::optional<std::uint64_t> parse_position(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t number = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    number = number > (kMost - digit) / 10 ? kMost : number * 10 + digit;
  }
  return number;
}

ByteRange part(std::uint64_t first, std::uint64_t size) {
  return {.kind = ByteRange::Kind::kPart, .first = first, .size = size};
}

constexpr ByteRange kUnsatisfiable{.kind = ByteRange::Kind::kUnsatisfiable};

// suffix-range = "-" suffix-length: the last bytes, or all if there are fewer. Content-Range cannot
// express the last bytes of empty content, so that is sent whole.
ByteRange parse_suffix(std::string_view digits, std::uint64_t size) {
  const auto length = parse_position(digits);
  if (!length) return {};
  if (*length == 0) return kUnsatisfiable;
  if (size == 0) return {};
  const std::uint64_t taken = std::min(*length, size);
  return part(size - taken, taken);
}

// int-range = first-pos "-" [ last-pos ]
ByteRange parse_from(std::string_view first_digits, std::string_view last_digits,
                     std::uint64_t size) {
  const auto first = parse_position(first_digits);
  const auto last =
      last_digits.empty() ? std::numeric_limits<std::uint64_t>::max() : parse_position(last_digits);
  if (!first || !last || *last < *first) return {};
  if (*first >= size) return kUnsatisfiable;
  return part(*first, std::min(*last, size - 1) - *first + 1);
}

// Reduces the body or the file to the part.
void cut(Response& response, const ByteRange& range) {
  if (response.file) {
    response.file->offset += range.first;
    response.file->size = range.size;
  } else {
    response.body = response.body.substr(range.first, range.size);
  }
}

// Keeps the body. The library does not send it with 304, but takes Content-Length from it, which
// must be that of the 200 (RFC 9110 section 8.6).
Response not_modified(Response whole, std::string_view etag) {
  std::erase_if(whole.headers, [](const auto& field) {  // RFC 9110 section 15.4.5
    return std::string_view(field.first) != "Cache-Control";
  });
  whole.status = 304;
  whole.headers.emplace_back("ETag", std::string(etag));
  return whole;
}

Response unsatisfiable(std::uint64_t size) {
  Response response = error_response(416, fmt::format("there are {} bytes", size));
  response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
  return response;
}

}  // namespace

Conditions::Conditions(const Request& request)
    : if_none_match(request.field("if-none-match")),
      if_range(request.field("if-range")),
      range(request.field("range")),
      is_get(request.method == "GET") {}

ByteRange parse_range(std::string_view field, std::uint64_t size) {
  const std::size_t equals = field.find('=');
  if (equals == field.npos || !equal_ignoring_case(field.substr(0, equals), "bytes")) return {};
  const std::string_view range = trim_blanks(field.substr(equals + 1));
  const std::size_t dash = range.find('-');
  if (dash == range.npos) return {};
  const std::string_view behind = range.substr(dash + 1);
  return dash == 0 ? parse_suffix(behind, size) : parse_from(range.substr(0, dash), behind, size);
}

bool names_etag(std::string_view field, std::string_view etag) {
  if (trim_blanks(field) == "*") return true;
  // A list of [ W/ ] DQUOTE *etagc DQUOTE; a comma may stand inside the quotes.
  while (true) {
    const std::size_t start = field.find('"');
    if (start == field.npos) return false;
    const std::size_t end = field.find('"', start + 1);
    if (end == field.npos) return false;
    if (field.substr(start, end + 1 - start) == etag) return true;
    field.remove_prefix(end + 1);
  }
}

Response serve(Response whole, std::string_view etag, const Conditions& wanted) {
  if (whole.status != 200) return whole;
  if (!wanted.if_none_match.empty() && names_etag(wanted.if_none_match, etag)) {
    return not_modified(std::move(whole), etag);
  }
  const std::uint64_t size = whole.file ? whole.file->size : whole.body.size();
  // A date in If-Range never matches, because there is no Last-Modified.
  const bool is_range = wanted.is_get && (wanted.if_range.empty() || wanted.if_range == etag);
  const ByteRange range = is_range ? parse_range(wanted.range, size) : ByteRange();
  if (range.kind == ByteRange::Kind::kUnsatisfiable) return unsatisfiable(size);
  whole.headers.emplace_back("ETag", std::string(etag));
  whole.headers.emplace_back("Accept-Ranges", "bytes");
  if (range.kind == ByteRange::Kind::kWhole) return whole;
  whole.status = 206;
  cut(whole, range);
  whole.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", range.first,
                                                          range.first + range.size - 1, size));
  return whole;
}

}  // namespace restante::apid
