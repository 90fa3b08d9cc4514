// SPDX-License-Identifier: ISC
// The API's description for programs: openapi.json, as it is in the source.
#pragma once

#include <string_view>

namespace restante::apid {

// OpenAPI 3.1, as JSON.
[[nodiscard]] std::string_view openapi_document();

}  // namespace restante::apid
