// SPDX-License-Identifier: ISC
// Owners for the handles of C libraries and for file descriptors.
#pragma once

#include <unistd.h>

#include <memory>
#include <utility>

namespace restante {

// A deleter *type*: it is part of the pointer's type and costs no space in it.
template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* handle) const noexcept {
    (void)Free(handle);
  }
};

template <class T, auto Free>
using CPtr = std::unique_ptr<T, Freed<Free>>;

// Owns one file descriptor; -1 is "none".
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
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace restante
