// SPDX-License-Identifier: ISC
// Questions to the DNS, by the resolver of the system.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/error.h"

namespace restante::ctl {

enum class RecordType : std::uint8_t { kAddress, kMailServer, kText };  // A and AAAA; MX; TXT

// The records as text: an address, the name of a mail server without a dot at its end, a text.
// None: the DNS says that there is none. kUnavailable: nobody could be asked.
[[nodiscard]] Result<std::vector<std::string>> resolve(const std::string& name, RecordType type);

}  // namespace restante::ctl
