// SPDX-License-Identifier: ISC
// The owner of one file descriptor.
#pragma once

#include <utility>

namespace restante {
inline namespace base {

// Owns one file descriptor and closes it; -1 means that it owns none.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  // Closes the descriptor that it owns, and owns `fd` from now on.
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

}  // namespace base
}  // namespace restante
