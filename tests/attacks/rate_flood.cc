// SPDX-License-Identifier: ISC
// The rate table as the daemon has it, under a flood of distinct keys by several processes at once.
// Prints what was measured, a name and a number a line; smtp_rate_test.py judges.
//
//   rate_flood KEYS
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "shared/memory/rate_table.h"
#include "shared/memory/segment.h"

namespace {

using namespace restante;

constexpr std::uint32_t kLimit = 50;
constexpr std::size_t kProcesses = 4, kWatched = 1000;
constexpr std::chrono::milliseconds kNow{1'000'000};
constexpr memory::RateTable::HashKey kKey{0x0123456789abcdefULL, 0xfedcba9876543210ULL};
constexpr memory::RateTable::HashKey kOtherKey{0x0f1e2d3c4b5a6978ULL, 0x8796a5b4c3d2e1f0ULL};

// Of memory that children share, all zero.
template <class T>
std::span<T> shared(std::size_t count) {
  void* memory =
      mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return {static_cast<T*>(memory), count};
}

// With tables and hash key as at a start of the daemon.
memory::Segment new_segment() {
  const std::string path = fmt::format("/tmp/restante-rate-flood.{}", getpid());
  const auto fd = memory::Segment::create(path, static_cast<uid_t>(-1), static_cast<gid_t>(-1));
  unlink(path.c_str());
  if (!fd) throw std::runtime_error(fd.error().what);
  auto segment = memory::Segment::map(fd->get());
  if (!segment) throw std::runtime_error(segment.error().what);
  return std::move(*segment);
}

// Not of the wall: what else the machine does is not the table's fault.
std::uint64_t cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::string flood_key(std::size_t process, std::size_t number) {
  return fmt::format("sender-{}-{}@flood.example", process, number);
}
std::string watched_key(std::size_t number) { return fmt::format("watched-{}@x.example", number); }

// Nanoseconds a check, of so many keys that are not in the table yet.
std::uint64_t cost(memory::RateTable& table, std::size_t process, std::size_t first,
                   std::size_t count) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(flood_key(process, first + i));
  const std::uint64_t before = cpu_ns();
  for (const std::string& key : keys) (void)table.admit(key, kLimit, kNow);
  return (cpu_ns() - before) / count;
}

struct Counts {
  std::atomic<std::uint64_t> limited_passes, empty_ns, full_ns, slowest_ns;
};

// A process's share of the flood: between its keys come one that has reached its limit, and others
// that try more often than they may.
void flood(memory::RateTable& table, std::size_t process, std::size_t keys,
           std::span<std::atomic<std::uint64_t>> granted, Counts& counts) {
  constexpr std::size_t kBatch = 10'000;
  std::uint64_t slowest = 0, last = 0;
  for (std::size_t at = 0; at < keys; at += kBatch) {
    last = cost(table, process, at, kBatch);
    if (at == 0) counts.empty_ns = last;
    slowest = std::max(slowest, last);
    if (table.admit("limited@x.example", kLimit, kNow).admitted) ++counts.limited_passes;
    for (std::size_t i = 0; i < granted.size(); ++i) {
      if (table.admit(watched_key(i), kLimit, kNow).admitted) ++granted[i];
    }
  }
  counts.full_ns = last;
  counts.slowest_ns = slowest;
}

void in_processes(std::size_t keys) {
  const auto granted = shared<std::atomic<std::uint64_t>>(kWatched);
  const auto counts = shared<Counts>(kProcesses);
  const memory::Segment segment = new_segment();
  memory::RateTable table = segment.smtp_rates();
  for (std::uint32_t i = 0; i < kLimit; ++i) (void)table.admit("limited@x.example", kLimit, kNow);
  for (std::size_t process = 0; process < kProcesses; ++process) {
    if (fork() == 0) {
      flood(table, process, keys / kProcesses, granted, counts[process]);
      _exit(EXIT_SUCCESS);
    }
  }
  for (std::size_t process = 0; process < kProcesses; ++process) wait(nullptr);
  std::uint64_t passes = 0, empty = 0, full = 0, slowest = 0, most = 0;
  for (const Counts& one : counts) {
    passes += one.limited_passes;
    empty = std::max(empty, one.empty_ns.load());
    full = std::max(full, one.full_ns.load());
    slowest = std::max(slowest, one.slowest_ns.load());
  }
  for (const auto& one : granted) most = std::max(most, one.load());
  const auto fresh = table.admit("honest@x.example", kLimit, kNow);
  fmt::print("keys {}\n", keys);
  fmt::print("ns_empty {}\nns_full {}\nns_slowest_batch {}\n", empty, full, slowest);
  fmt::print("limited_passes {}\nmost_granted {}\nlimit {}\n", passes, most, kLimit);
  fmt::print("left_for_newcomer {}\n", fresh.admitted ? fresh.remaining + 1 : 0);
}

// Where a key lives, seen from outside.
std::size_t bucket_of(const memory::RateTable::HashKey& hash,
                      std::span<memory::RateTable::Word> words, const std::string& key) {
  memory::RateTable table(words, hash);
  (void)table.admit(key, 1, kNow);
  const auto used = std::ranges::find_if(words, [](const auto& word) { return word != 0; });
  const auto at = static_cast<std::size_t>(used - words.begin());
  *used = 0;
  return at / 8;
}

// How often a sender may send when its bucket was filled by one who knows the hash's key, and when
// the daemon has another one.
void with_chosen_keys() {
  constexpr std::size_t kWords = 1024;
  const std::string victim = "victim@x.example";
  const auto words = shared<memory::RateTable::Word>(kWords);
  const std::size_t bucket = bucket_of(kKey, words, victim);
  std::vector<std::string> chosen;
  for (std::size_t i = 0; chosen.size() < 8; ++i) {
    std::string key = flood_key(9, i);
    if (bucket_of(kKey, words, key) == bucket) chosen.push_back(std::move(key));
  }
  for (const auto& [name, hash] :
       {std::pair("victim_if_key_known", kKey), std::pair("victim_if_key_secret", kOtherKey)}) {
    const auto fresh = shared<memory::RateTable::Word>(kWords);
    memory::RateTable table(fresh, hash);
    for (const std::string& key : chosen) {
      while (table.admit(key, kLimit, kNow).admitted) {
      }
    }
    std::uint32_t granted = 0;
    while (table.admit(victim, kLimit, kNow).admitted) ++granted;
    fmt::print("{} {}\n", name, granted);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return EXIT_FAILURE;
  in_processes(std::strtoull(argv[1], nullptr, 10));
  with_chosen_keys();
}
