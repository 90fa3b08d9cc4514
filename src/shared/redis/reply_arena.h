// SPDX-License-Identifier: ISC
// Where the objects of a reply live: side by side, and freed together. hiredis would allocate each
// of them for itself, and each of its texts.
#pragma once

struct redisReader;

namespace restante {

// To be called before anything is read.
void keep_replies_together(redisReader& reader);

}  // namespace restante
