// SPDX-License-Identifier: ISC
// A mail as it was received, given out as a file.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "apid/http.h"
#include "shared/mail_store.h"

namespace restante::apid {

// The content of one zstd frame that says its size; nothing when the size is above `limit`, before
// any memory is taken for it, or when the frame is damaged.
[[nodiscard]] std::optional<std::string> decompress(std::string_view frame, std::size_t limit);

// The mail as a download, or 500. `message_size_limit` is the setting: what is stored may be larger
// by the trace header.
[[nodiscard]] Response raw_response(const RawMail& mail, std::size_t message_size_limit);

}  // namespace restante::apid
