// SPDX-License-Identifier: ISC
// What keeps secrets from where they would outlive their use: freed memory, core dumps, swap space,
// other processes of the same user.
#pragma once

#include <cstddef>
#include <string>

namespace restante {
inline namespace base {

// Overwrites all that it holds, in a way that no compiler leaves out, and empties it.
void wipe(std::string& secret) noexcept;

// Wipes a text when its scope ends, however it ends.
class WipedAtEnd {
 public:
  explicit WipedAtEnd(std::string& secret) : secret_(secret) {}
  WipedAtEnd(const WipedAtEnd&) = delete;
  WipedAtEnd& operator=(const WipedAtEnd&) = delete;
  ~WipedAtEnd() { wipe(secret_); }

 private:
  std::string& secret_;
};

// The pages of `memory`, which begins with one, are in no core dump and, where RLIMIT_MEMLOCK
// allows it, never in swap space.
void lock_memory(void* memory, std::size_t size) noexcept;

// This process and all that it starts leave no core dump.
void forbid_core_dumps() noexcept;

// Nobody but root looks into this process by ptrace(2) or /proc. Ends at an exec.
void set_undumpable() noexcept;

}  // namespace base
}  // namespace restante
