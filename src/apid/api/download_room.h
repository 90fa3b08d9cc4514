// SPDX-License-Identifier: ISC
// The limit on the memory that large responses of one worker occupy until they are sent.
#pragma once

#include <cstdint>
#include <memory>

namespace restante::apid {

// Copies share one limit and one count.
class DownloadRoom {
 public:
  // `limit` in bytes.
  explicit DownloadRoom(std::uint64_t limit) : limit_(limit) {}

  // Reserves `bytes` until the returned reservation is destroyed, which may be after this object.
  // Returns nullptr if that would exceed the limit. The only download is always admitted.
  [[nodiscard]] std::shared_ptr<void> acquire(std::uint64_t bytes) {
    if (*used_ != 0 && (*used_ > limit_ || bytes > limit_ - *used_)) return nullptr;
    *used_ += bytes;
    return {used_.get(), [used = used_, bytes](void*) { *used -= bytes; }};
  }

 private:
  std::uint64_t limit_;
  std::shared_ptr<std::uint64_t> used_ = std::make_shared<std::uint64_t>(0);
};

}  // namespace restante::apid
