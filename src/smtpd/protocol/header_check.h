// SPDX-License-Identifier: ISC
// Whether the header of a whole message keeps within bounds, and has not been around for too long.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "smtpd/protocol/replies.h"

namespace restante::smtpd {

struct HeaderLimits {
  std::uint64_t bytes;   // of the header, line ends and all
  std::uint64_t fields;  // a folded one is one
  std::uint64_t hops;    // Received fields
};

// Why the message is not taken, if so. The header ends where the first line stands that can be no
// part of one, so that a message without a header may be as long as any. A lone LF ends a line
// too: whoever sends such lines has a header all the same.
[[nodiscard]] std::optional<Reply> check_header(std::string_view message,
                                                const HeaderLimits& limits);

}  // namespace restante::smtpd
