// SPDX-License-Identifier: ISC
// Connects hiredis to an event loop. The adapter of hiredis would make four more calls of
// epoll_ctl(2) and one more of epoll_wait(2) for each command.
//
// This adapter always watches the socket for reading, but for writing only while its buffer is
// full. Commands are sent after the loop has handled all events at hand, so that the commands of
// many clients go out in one write.
#pragma once

struct event_base;
struct redisAsyncContext;

namespace restante::redis {

// False: out of memory. The context owns the adapter and frees it.
[[nodiscard]] bool attach_to_loop(redisAsyncContext& context, event_base* base);

}  // namespace restante::redis
