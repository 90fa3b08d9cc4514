// SPDX-License-Identifier: ISC
// Memory for replies: all objects and texts of a reply are side by side and freed together. hiredis
// would allocate each of them by itself.
#pragma once

struct redisReader;

namespace restante::redis {

// Makes `reader` use this memory. Call it before anything is read.
void keep_replies_together(redisReader& reader);

}  // namespace restante::redis
