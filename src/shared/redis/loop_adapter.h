// SPDX-License-Identifier: ISC
// Ties a connection of hiredis to an event loop, as hiredis' own adapter does, which however makes
// four calls of epoll_ctl(2) and one of epoll_wait(2) more for each command.
//
// Here the descriptor is watched for reading all the time, and for writing only when it is full:
// what is to be sent is sent once all that the loop has at hand is done, so that commands of many
// clients go in one write.
#pragma once

struct event_base;
struct redisAsyncContext;

namespace restante {

// False: out of memory. The context owns what is made, and frees it with itself.
[[nodiscard]] bool attach_to_loop(redisAsyncContext& context, event_base* base);

}  // namespace restante
