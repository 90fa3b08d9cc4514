// SPDX-License-Identifier: ISC
// How far a connection to a mimed has come: a piece of memory that its client makes and both ends
// map, so that each knows of the other what it would else have to be told or to ask the kernel.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "shared/base/error.h"
#include "shared/base/unique_fd.h"

namespace restante::parser {

// Requests of the connection, counted from its beginning. An end that was broken into may write
// anything anywhere, so none may come to harm by what it reads: at worst it looks once for a packet
// that is not there, or has a wrong idea of which mail was in hand.
struct Progress {
  std::atomic<std::uint64_t> sent;      // written by the client, as the others are by mimed
  std::atomic<std::uint64_t> taken;     // in hand, now or before
  std::atomic<std::int64_t> taken_at;   // when the last was: milliseconds of monotonic_now()
  std::atomic<std::uint64_t> answered;  // of those that were taken
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

class SharedProgress {
 public:
  // All zero; its size cannot be changed.
  [[nodiscard]] static Result<UniqueFd> make();
  // Maps what make() made, and nothing else: whoever passed it cannot cut it off later.
  [[nodiscard]] static Result<SharedProgress> map(int fd);

  SharedProgress() = default;
  explicit operator bool() const { return progress_ != nullptr; }
  Progress* operator->() const { return progress_.get(); }

 private:
  struct Unmap {
    void operator()(Progress* progress) const noexcept;
  };
  std::unique_ptr<Progress, Unmap> progress_;
};

}  // namespace restante::parser
