// SPDX-License-Identifier: ISC
#include "mimed/text/digest.h"

#include <glib.h>

#include "shared/base/c_ptr.h"

namespace restante::mimed {

std::string sha256_hex(std::string_view bytes) {
  const CPtr<GChecksum, g_checksum_free> checksum(g_checksum_new(G_CHECKSUM_SHA256));
  g_checksum_update(checksum.get(), reinterpret_cast<const guchar*>(bytes.data()),
                    static_cast<gssize>(bytes.size()));
  return g_checksum_get_string(checksum.get());
}

}  // namespace restante::mimed
