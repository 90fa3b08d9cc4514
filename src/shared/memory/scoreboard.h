// SPDX-License-Identifier: ISC
// The scoreboard of the shared segment: a slot a process, with who it is and what it has counted.
//
// A counter belongs to the slot: the next process that gets the slot goes on from where the last
// one was killed. So nothing is ever carried over, the sum over all slots never goes back, and a
// process killed at any instruction leaves nothing to put right. Each word has one writer at a
// time: the master writes who is in a slot, the worker its counts, and the master again, once it
// has reaped the worker, ends what the worker had open. A count is one relaxed load and one store.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "shared/base/program.h"

namespace restante::memory {

// One row each in the table of scoreboard.cc, in this order.
enum class Count : std::uint8_t {
  kMailsStored,
  kMailRecipients,
  kMailBytes,
  kMailsDeferred,
  kRefusedForNow,
  kRefusedForGood,
  kSmtpRateLimited,
  kSmtpAccepted,
  kSmtpTurnedAway,
  kTlsDone,
  kTlsFailed,
  kHttpAccepted,
  kHttpTurnedAway,
  kApi2xx,
  kApi3xx,
  kApi4xx,
  kApi5xx,
  kApiRateLimited,
  kMailsClaimed,
  kRedisErrors,
  kParserLosses,
  // What is so now, and goes down again.
  kSmtpOpen,
  kHttpOpen,
  kApiWaiting,
  kApiStreams,
};
inline constexpr std::size_t kCounts = 25;

enum class CountType : std::uint8_t { kCounter, kGauge };

struct CountInfo {
  Count count;
  CountType type;
  std::string_view name;    // of the metric; rows of one name stand together
  std::string_view labels;  // that part it from its neighbours: `reply="4xx"`, or none
  std::string_view unit;    // of a value, for people
  std::string_view help;
};
[[nodiscard]] std::span<const CountInfo, kCounts> all_counts();

// How long something took, counted in buckets.
enum class Latency : std::uint8_t { kDelivery, kApiRequest };
inline constexpr std::size_t kLatencies = 2;
inline constexpr std::array<std::uint64_t, 13> kBucketEnds = {  // microseconds, each included
    1'000,   2'500,   5'000,     10'000,    25'000,    50'000,    100'000,
    250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
inline constexpr std::size_t kBuckets = kBucketEnds.size() + 1;  // the last is for the rest

struct LatencyInfo {
  Latency latency;
  std::string_view name, help;
};
[[nodiscard]] std::span<const LatencyInfo, kLatencies> all_latencies();

enum class ProcessState : std::uint8_t { kFree, kStarting, kReady, kDraining };
inline constexpr std::size_t kStates = 4;
[[nodiscard]] std::string_view state_name(ProcessState state);

using ScoreWord = std::atomic<std::uint64_t>;
static_assert(ScoreWord::is_always_lock_free);

struct alignas(64) ScoreSlot {
  ScoreWord state, pid, role, number, generation, started_at;  // the master's
  // The worker's.
  ScoreWord heartbeat;  // monotonic clock, in ms; 0: none yet
  std::array<ScoreWord, kCounts> counts;
  std::array<std::array<ScoreWord, kBuckets>, kLatencies> buckets;
  std::array<ScoreWord, kLatencies> microseconds;  // of all in the buckets together
};

// What the master alone writes.
struct ScoreHead {
  ScoreWord started_at, generation;  // Unix time in s
  ScoreWord deaths;                  // of processes that were not told to go
  ScoreWord reloads, failed_reloads;
  ScoreWord sandbox;             // SandboxState
  ScoreWord certificate_expiry;  // Unix time in s of the first one; 0: not known
};

inline constexpr std::size_t kScoreSlots = 512;

struct ScoreMemory {  // all zero: nobody there, nothing counted
  ScoreHead head;
  std::array<ScoreSlot, kScoreSlots> slots;
};

// Where one worker counts. One thread, one process.
class Counters {
 public:
  Counters();  // counts for nobody
  explicit Counters(ScoreSlot& slot) : slot_(&slot) {}

  void add(Count count, std::uint64_t number = 1) const {
    grow(slot_->counts[static_cast<std::size_t>(count)], number);
  }
  void remove(Count count) const { add(count, ~std::uint64_t{0}); }
  void observe(Latency latency, std::chrono::microseconds took) const;
  void beat(std::chrono::milliseconds now) const {
    slot_->heartbeat.store(static_cast<std::uint64_t>(now.count()), std::memory_order_relaxed);
  }

 private:
  // Nobody else writes the word, so that this need be no locked instruction.
  static void grow(ScoreWord& word, std::uint64_t number) {
    word.store(word.load(std::memory_order_relaxed) + number, std::memory_order_relaxed);
  }
  std::shared_ptr<ScoreSlot> own_;
  ScoreSlot* slot_;
};

struct ProcessScore {
  std::size_t slot;
  Program role;
  ProcessState state;
  std::uint64_t pid, number, generation, started_at;
  std::chrono::milliseconds heartbeat;  // 0: none
  std::uint64_t open;                   // connections
};

struct Histogram {
  std::array<std::uint64_t, kBuckets> buckets;
  std::uint64_t microseconds;
};

struct Score {
  std::vector<ProcessScore> processes;
  std::array<std::uint64_t, kCounts> counts{};
  std::array<Histogram, kLatencies> latencies{};

  [[nodiscard]] std::uint64_t of(Count count) const {
    return counts[static_cast<std::size_t>(count)];
  }
};

// The memory stays mapped for as long as the board and its counters are used.
class Scoreboard {
 public:
  explicit Scoreboard(ScoreMemory& memory) : memory_(&memory) {}

  // For the master. Nothing: all slots are taken, and the process works without one.
  [[nodiscard]] std::optional<std::size_t> acquire(Program role, std::uint64_t number,
                                                   std::uint64_t generation) const;
  void started(std::size_t slot, std::uint64_t pid) const;
  void is_now(std::size_t slot, ProcessState state) const;  // ready or draining
  // To be called when the process has been reaped, and no earlier.
  void release(std::size_t slot) const;

  // For a worker that was told `slot`, or was told none.
  [[nodiscard]] Counters counters(std::optional<std::size_t> slot) const;

  // Whether another worker of the same role is ready and has less of it than the one of `slot`.
  [[nodiscard]] bool others_have_fewer(std::optional<std::size_t> slot, Count count) const;

  // For who reads: writes nothing.
  [[nodiscard]] Score read() const;
  [[nodiscard]] ScoreHead& head() const { return memory_->head; }

 private:
  ScoreMemory* memory_;
};

}  // namespace restante::memory
