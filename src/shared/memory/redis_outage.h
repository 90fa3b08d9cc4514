// SPDX-License-Identifier: ISC
// What the workers know of Redis together, so that an outage is one line in the log, whichever
// worker sees it first, and its end another. Lives in the shared segment.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace restante::memory {

struct RedisOutage {                        // all zero: nothing is known, nothing wrong
  std::atomic<std::uint32_t> away;          // Redis cannot be reached
  std::atomic<std::uint32_t> risks;         // what could lose mail (redis/durability.h)
  std::atomic<std::uint32_t> nearly_full;   // no mail is taken
  std::atomic<std::uint64_t> memory_limit;  // maxmemory in bytes; 0: there is none
  std::atomic<std::uint32_t> fault;         // of the errors that it answers with; 0: of none
  std::atomic<std::uint64_t> fault_at;      // when it answered so last; monotonic clock, in ms
  std::atomic<std::uint64_t> asked_at;      // when it was asked for risks last
  std::atomic<std::uint32_t> is_private;    // of one process, which says itself what it finds
};

void note_lost(RedisOutage& health, std::string_view place, std::string_view reason);
void note_back(RedisOutage& health, std::string_view place);

// It answered a command with this error. The same kind of error is a new outage when mail was
// stored since, or when there was none of it for a minute.
void note_fault(RedisOutage& health, std::string_view place, std::string_view reply);
// Mail was stored.
void note_works(RedisOutage& health, std::string_view place);

}  // namespace restante::memory
