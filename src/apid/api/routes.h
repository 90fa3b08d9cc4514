// SPDX-License-Identifier: ISC
// The table of the API's routes.
#pragma once

#include <span>

#include "apid/api/router.h"

namespace restante::apid {

[[nodiscard]] std::span<const RouteRow> all_routes();

}  // namespace restante::apid
