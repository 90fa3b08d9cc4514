// SPDX-License-Identifier: ISC
#include "shared/store/scripts.h"

// Embeds scripts/NAME.lua and defines NAME_script(). GCC 12 has no #embed. The path is relative to
// where the compiler runs: the root of the checkout.
#define EMBED_SCRIPT(NAME)                                                          \
  __asm__(                                                                          \
      ".pushsection .rodata\n"                                                      \
      ".global restante_" #NAME "_lua_begin, restante_" #NAME                       \
      "_lua_end\n"                                                                  \
      ".hidden restante_" #NAME "_lua_begin, restante_" #NAME                       \
      "_lua_end\n"                                                                  \
      "restante_" #NAME                                                             \
      "_lua_begin:\n"                                                               \
      ".incbin \"src/shared/store/scripts/" #NAME                                   \
      ".lua\"\n"                                                                    \
      "restante_" #NAME                                                             \
      "_lua_end:\n"                                                                 \
      ".popsection\n");                                                             \
  extern "C" const char restante_##NAME##_lua_begin[], restante_##NAME##_lua_end[]; \
  std::string_view restante::store::NAME##_script() {                               \
    return {restante_##NAME##_lua_begin, restante_##NAME##_lua_end};                \
  }

EMBED_SCRIPT(put)
EMBED_SCRIPT(put_frame)
EMBED_SCRIPT(room)
EMBED_SCRIPT(release_frame)
EMBED_SCRIPT(clear)
EMBED_SCRIPT(remove)
EMBED_SCRIPT(claim)
EMBED_SCRIPT(release)
EMBED_SCRIPT(measure)
