// SPDX-License-Identifier: ISC
// Bounds on what a mail may hold, checked in one pass before a parser sees a byte of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace restante::mimed {

struct PrescanLimits {
  std::size_t parts = 1000;                            // in the whole mail
  std::size_t depth = 100;                             // multiparts inside one another
  std::size_t header_bytes = std::size_t{256} * 1024;  // in one header block
  std::size_t header_fields = 2000;                    // in one header block
  std::size_t all_header_bytes = std::size_t{4} * 1024 * 1024;
  std::size_t all_header_fields = 20'000;
  std::size_t parameters = 200;         // `;` in one Content-Type or Content-Disposition field
  std::size_t address_nesting = 1000;   // `:` and `(` in one address field, RFC 5322 section 3.4
  std::size_t comparisons = 5'000'000;  // of a line with a boundary
};

enum class Exceeded : std::uint8_t {
  kNothing,
  kParts,
  kDepth,
  kHeaderBytes,
  kHeaderFields,
  kParameters,
  kAddressNesting,
  kBoundary,  // it can be read in more than one way
  kComparisons,
};

// The word for the log.
[[nodiscard]] std::string_view name_of(Exceeded exceeded);

// Stops at the first bound that is exceeded. Follows multiparts as a parser does, and where parsers
// differ counts for the worse. The body of a mail that is no multipart is not looked at, since it
// is not parsed. Allocates no more than a boundary a level.
[[nodiscard]] Exceeded prescan(std::string_view raw, const PrescanLimits& limits);

}  // namespace restante::mimed
