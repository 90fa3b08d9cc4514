// SPDX-License-Identifier: ISC
// The description of the API in OpenAPI 3.1: openapi.json, embedded in the program.
#pragma once

#include <string_view>

namespace restante::apid {

[[nodiscard]] std::string_view openapi_document();

}  // namespace restante::apid
