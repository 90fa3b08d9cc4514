// SPDX-License-Identifier: ISC
#include "shared/base/secrets.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstring>

namespace restante {
inline namespace base {

void wipe(std::string& secret) noexcept {
  secret.resize(secret.capacity());  // no allocation: it fits
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

void lock_memory(void* memory, std::size_t size) noexcept {
  madvise(memory, size, MADV_DONTDUMP);
  mlock(memory, size);
}

void forbid_core_dumps() noexcept {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

void set_undumpable() noexcept { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

}  // namespace base
}  // namespace restante
