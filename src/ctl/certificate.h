// SPDX-License-Identifier: ISC
// When a certificate expires.
#pragma once

#include <cstdint>
#include <string>

#include "shared/base/error.h"

namespace restante::ctl {

// Unix time in s, of the first certificate of a PEM file.
[[nodiscard]] Result<std::int64_t> certificate_expiry(const std::string& path);

}  // namespace restante::ctl
