// SPDX-License-Identifier: ISC
#include "shared/memory/rate_table.h"

#include <algorithm>
#include <bit>

namespace restante::memory {
namespace {

constexpr std::size_t kBucket = 8;  // words that a key may live in: one cache line

// A word: 16 bits of tag, 28 bits of window end, 20 bits of count. Time is in ticks of 1/64 s,
// which come round after 48 days; a window ends at most one tick early.
constexpr unsigned kCountBits = 20, kEndBits = 28;
constexpr std::uint64_t kEndMask = (1ULL << kEndBits) - 1;
constexpr std::uint64_t kTicksPerSecond = 64;

struct Entry {
  std::uint64_t tag, end;
  std::uint32_t count;
};

constexpr Entry unpack(std::uint64_t word) {
  return {word >> (kCountBits + kEndBits), (word >> kCountBits) & kEndMask,
          static_cast<std::uint32_t>(word & RateTable::kMaxLimit)};
}

constexpr std::uint64_t pack(const Entry& entry) {
  return entry.tag << (kCountBits + kEndBits) | entry.end << kCountBits | entry.count;
}

// Ticks until the entry's window ends; 0 when it has ended or the word was never used. A process
// that read the clock and was held up sees windows that were opened after its reading: they end
// more than a window ahead of it, and must not be taken for long ended ones.
constexpr std::uint64_t ticks_left(const Entry& entry, std::uint64_t now, std::uint64_t window) {
  const std::uint64_t left = (entry.end - now) & kEndMask;
  if (entry.count == 0 || left > 2 * window) return 0;
  return std::min(left, window);
}

// SipHash-2-4 (Aumasson and Bernstein, 2012): short input, secret key, no collisions on purpose.
class SipHash {
 public:
  explicit SipHash(const RateTable::HashKey& key)
      : v0_(key.k0 ^ 0x736f6d6570736575ULL),
        v1_(key.k1 ^ 0x646f72616e646f6dULL),
        v2_(key.k0 ^ 0x6c7967656e657261ULL),
        v3_(key.k1 ^ 0x7465646279746573ULL) {}

  std::uint64_t operator()(std::string_view text) {
    const std::uint64_t last = static_cast<std::uint64_t>(text.size()) << 56;
    for (; text.size() >= 8; text.remove_prefix(8)) compress(little_endian(text.substr(0, 8)));
    compress(last | little_endian(text));
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  static std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
      word = word << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return word;
  }
  void compress(std::uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }
  void round() {
    v0_ += v1_, v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_, v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v1_, v0_ += v3_;
    v1_ = std::rotl(v1_, 17) ^ v2_, v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ = std::rotl(v2_, 32);
  }
  std::uint64_t v0_, v1_, v2_, v3_;
};

// What a look at a bucket found.
struct Look {
  std::size_t match = kBucket;  // first live word of the key, or kBucket
  std::uint64_t match_word = 0;
  std::uint32_t uses = 0;  // over all live words of the key
  std::uint64_t left = 0;  // ticks until the last of them ends
  std::size_t victim = 0;  // word that a newcomer may take
  std::uint64_t victim_word = 0;
  std::uint32_t victim_uses = UINT32_MAX;  // 0: free
  std::uint64_t first_end;                 // ticks until the first window in the bucket ends
};

Look look(std::span<RateTable::Word> bucket, std::uint64_t tag, std::uint64_t now,
          std::uint64_t window) {
  Look found{.first_end = window};
  for (std::size_t i = 0; i < kBucket; ++i) {
    const std::uint64_t word = bucket[i].load();
    const Entry entry = unpack(word);
    const std::uint64_t left = ticks_left(entry, now, window);
    if (left != 0) found.first_end = std::min(found.first_end, left);
    if (left != 0 && entry.tag == tag) {
      if (found.match == kBucket) found.match = i, found.match_word = word;
      found.uses += entry.count;
      found.left = std::max(found.left, left);
    }
    const std::uint32_t uses = left == 0 ? 0 : entry.count;
    if (uses < found.victim_uses) {
      found.victim = i, found.victim_word = word, found.victim_uses = uses;
    }
  }
  return found;
}

std::uint64_t tick_of(std::chrono::milliseconds now) {
  return (static_cast<std::uint64_t>(now.count()) * kTicksPerSecond / 1000) & kEndMask;
}

std::chrono::milliseconds reset_in(std::uint64_t ticks, std::chrono::milliseconds now) {
  // The window ends on a tick; what has passed of the present tick is off the wait.
  const auto passed = static_cast<std::uint64_t>(now.count()) * kTicksPerSecond % 1000;
  return std::chrono::milliseconds((ticks * 1000 - passed + kTicksPerSecond - 1) / kTicksPerSecond);
}

}  // namespace

RateTable::RateTable(std::span<Word> words, const HashKey& key, std::chrono::seconds window)
    : words_(words),
      key_(key),
      window_(static_cast<std::uint64_t>(window.count()) * kTicksPerSecond) {}

struct RateTable::Bucket {
  std::uint64_t tag;
  std::span<Word> bucket;
};

RateTable::Bucket RateTable::bucket_of(std::string_view subject) const {
  const std::uint64_t hash = SipHash(key_)(subject);
  const std::size_t buckets = words_.size() / kBucket;
  return {.tag = hash >> (kCountBits + kEndBits),
          .bucket = words_.subspan((hash & (buckets - 1)) * kBucket, kBucket)};
}

std::optional<std::chrono::milliseconds> RateTable::used_up(std::string_view subject,
                                                            std::uint32_t limit,
                                                            std::chrono::milliseconds now) const {
  if (limit == 0) return {};
  const auto [tag, bucket] = bucket_of(subject);
  const Look seen = look(bucket, tag, tick_of(now), window_);
  if (seen.match == kBucket || seen.uses < std::min(limit, kMaxLimit)) return {};
  return reset_in(seen.left, now);
}

RateVerdict RateTable::admit(std::string_view subject, std::uint32_t limit,
                             std::chrono::milliseconds now, std::uint32_t uses) {
  if (limit == 0) return {true, UINT32_MAX, kWindow};
  limit = std::min(limit, kMaxLimit);
  const auto [tag, bucket] = bucket_of(subject);
  const std::uint64_t tick = tick_of(now);
  const auto add = [uses](std::uint32_t count) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(std::uint64_t{count} + uses, kMaxLimit));
  };
  const auto left_of = [limit](std::uint32_t count) { return limit - std::min(limit, count); };

  for (;;) {
    const Look seen = look(bucket, tag, tick, window_);
    if (seen.match != kBucket) {
      if (seen.uses >= limit) return {false, 0, reset_in(seen.left, now)};
      std::uint64_t word = seen.match_word;
      Entry entry = unpack(word);
      entry.count = add(entry.count);
      if (!bucket[seen.match].compare_exchange_strong(word, pack(entry))) continue;
      return {true, left_of(add(seen.uses)), reset_in(seen.left, now)};
    }
    // A newcomer goes on from the count of the one that it puts out: a flood that puts a key out
    // and lets it in again does not let it begin anew.
    if (seen.victim_uses >= limit) return {false, 0, reset_in(seen.first_end, now)};
    const std::uint32_t count = add(seen.victim_uses);
    const std::uint64_t mine = pack({tag, (tick + window_) & kEndMask, count});
    std::uint64_t word = seen.victim_word;
    if (!bucket[seen.victim].compare_exchange_strong(word, mine)) continue;
    // Two processes may have let the same key in at once, each in a word of its own. At least one
    // of them sees the other here and takes its own back; should it not come to that, `uses` above
    // counts both words.
    if (look(bucket, tag, tick, window_).uses != count) {
      word = mine;
      if (bucket[seen.victim].compare_exchange_strong(word, 0)) continue;
    }
    return {true, left_of(count), reset_in(window_, now)};
  }
}

}  // namespace restante::memory
