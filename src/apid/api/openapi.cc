// SPDX-License-Identifier: ISC
#include "apid/api/openapi.h"

// GCC 12 has no #embed. The path is relative to where the compiler runs: the root of the checkout.
__asm__(R"(
  .pushsection .rodata
  .global restante_openapi_begin, restante_openapi_end
  .hidden restante_openapi_begin, restante_openapi_end
restante_openapi_begin:
  .incbin "src/apid/api/openapi.json"
restante_openapi_end:
  .popsection
)");

extern "C" const char restante_openapi_begin[], restante_openapi_end[];

namespace restante::apid {

std::string_view openapi_document() { return {restante_openapi_begin, restante_openapi_end}; }

}  // namespace restante::apid
