// SPDX-License-Identifier: ISC
// Rate limits that all workers share: at most `limit` uses of a key in a window of a minute, or of
// another length that the table has.
//
// A window opens at a key's first use; exactly the limit is admitted in it, however many processes
// ask at once. The table is an array of 64-bit atomic words in shared memory, each one a key's tag,
// its window's end and its count, changed by compare-exchange alone: no lock, no pointer, no step
// that a process killed in the middle could leave half done. All zero is an empty table.
//
// A key lives in one bucket of eight words. When the bucket is full, the entry with the fewest uses
// gives way and the newcomer goes on from its count, so that a flood of keys costs bounded time and
// memory, never frees a key that has reached its limit and never admits more than the limit.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace restante::memory {

struct RateVerdict {
  bool admitted;
  std::uint32_t remaining;             // uses left in the window
  std::chrono::milliseconds reset_in;  // until the window ends, rounded up; at most its length
};

class RateTable {
 public:
  using Word = std::atomic<std::uint64_t>;
  static_assert(Word::is_always_lock_free);

  static constexpr std::uint32_t kMaxLimit = (1U << 20) - 1;
  static constexpr std::chrono::seconds kWindow{60};

  struct HashKey {
    std::uint64_t k0, k1;  // secret, fresh at every start
  };

  // `words` is a power of two of at least 8, stays mapped while the table is in use, and is owned
  // by the segment. `window` is at most a day, and the same for all who use the words.
  RateTable(std::span<Word> words, const HashKey& key, std::chrono::seconds window = kWindow);

  // Takes `uses` of `subject` out of `limit` (0: no limit; at most kMaxLimit): all of them if one
  // is left, so that one use of several may pass the limit once. `now` is of the monotonic clock,
  // the same for all processes.
  [[nodiscard]] RateVerdict admit(std::string_view subject, std::uint32_t limit,
                                  std::chrono::milliseconds now, std::uint32_t uses = 1);

  // Whether `subject` has used up `limit`, and if so the time until its window ends. Takes nothing.
  [[nodiscard]] std::optional<std::chrono::milliseconds> used_up(
      std::string_view subject, std::uint32_t limit, std::chrono::milliseconds now) const;

 private:
  struct Bucket;
  [[nodiscard]] Bucket bucket_of(std::string_view subject) const;

  std::span<Word> words_;
  HashKey key_;
  std::uint64_t window_;  // in ticks
};

}  // namespace restante::memory
