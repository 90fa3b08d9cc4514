// SPDX-License-Identifier: ISC
// Conditional requests and ranges (RFC 9110 sections 13 and 14), for bytes that never change.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "apid/http/request.h"
#include "apid/http/response.h"

namespace restante::apid {

// What a request wants of the bytes; it owns the fields, for an answer that is given later.
struct Conditions {
  explicit Conditions(const Request& request);

  std::string if_none_match, if_range, range;
  bool is_get;  // ranges are defined for GET alone (RFC 9110 section 14.2)
};

struct ByteRange {
  enum class Kind : std::uint8_t {
    kWhole,  // no range, one that is malformed, or several: RFC 9110 section 14.2 leaves it open
    kPart,
    kUnsatisfiable,
  };
  Kind kind = Kind::kWhole;
  std::uint64_t first = 0, size = 0;  // of a part

  auto operator<=>(const ByteRange&) const = default;
};

// The value of a Range field, for a representation of `size` bytes.
[[nodiscard]] ByteRange parse_range(std::string_view field, std::uint64_t size);

// Whether an If-None-Match field names `etag`, a strong one with its quotes; compared weakly
// (RFC 9110 section 13.1.2).
[[nodiscard]] bool names_etag(std::string_view field, std::string_view etag);

// Makes a 200 with a body or a file into what was asked for: itself, 206, 304 or 416. An answer
// with another status stays as it is.
[[nodiscard]] Response serve(Response whole, std::string_view etag, const Conditions& wanted);

}  // namespace restante::apid
