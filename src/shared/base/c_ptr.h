// SPDX-License-Identifier: ISC
// The owner of a handle of a C library.
#pragma once

#include <memory>

namespace restante {
inline namespace base {

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

}  // namespace base
}  // namespace restante
