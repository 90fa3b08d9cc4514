// SPDX-License-Identifier: ISC
// What a worker holds in memory for downloads: bounded, whoever asks and however slowly they read.
#pragma once

#include <cstdint>
#include <memory>

namespace restante::apid {

// Copies share the room.
class DownloadRoom {
 public:
  explicit DownloadRoom(std::uint64_t limit) : limit_(limit) {}

  // Room for so many bytes, until what is returned goes; it may outlive this object. Nothing when
  // they are past the limit, but for the only download, which always has room.
  [[nodiscard]] std::shared_ptr<void> take(std::uint64_t bytes) {
    if (*taken_ != 0 && (*taken_ > limit_ || bytes > limit_ - *taken_)) return nullptr;
    *taken_ += bytes;
    return {taken_.get(), [taken = taken_, bytes](void*) { *taken -= bytes; }};
  }

 private:
  std::uint64_t limit_;
  std::shared_ptr<std::uint64_t> taken_ = std::make_shared<std::uint64_t>(0);
};

}  // namespace restante::apid
