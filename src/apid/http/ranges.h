// SPDX-License-Identifier: ISC
// Conditional requests and range requests (RFC 9110 sections 13 and 14), for immutable content.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "apid/http/request.h"
#include "apid/http/response.h"

namespace restante::apid {

// The conditions of a request. It owns its texts, since the response may be built after the request
// is gone.
struct Conditions {
  explicit Conditions(const Request& request);

  std::string if_none_match, if_range, range;
  bool is_get;  // only GET has ranges (RFC 9110 section 14.2)
};

// What a Range field selects.
struct ByteRange {
  enum class Kind : std::uint8_t {
    kWhole,  // no range, a malformed one, or several: RFC 9110 section 14.2 lets a server ignore it
    kPart,
    kUnsatisfiable,
  };
  Kind kind = Kind::kWhole;
  std::uint64_t first = 0, size = 0;  // in bytes, of a part

  auto operator<=>(const ByteRange&) const = default;
};

// Parses a Range field, for content of `size` bytes.
[[nodiscard]] ByteRange parse_range(std::string_view field, std::uint64_t size);

// Whether an If-None-Match field names `etag`, which is strong and has its quotes. The comparison
// is weak (RFC 9110 section 13.1.2).
[[nodiscard]] bool names_etag(std::string_view field, std::string_view etag);

// Turns `whole`, a response with status 200 and a body or a file, into what the request asked for:
// the whole content, a part (206), nothing new (304), or an error (416). Returns a response with
// another status unchanged.
[[nodiscard]] Response serve(Response whole, std::string_view etag, const Conditions& wanted);

}  // namespace restante::apid
