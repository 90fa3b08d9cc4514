// SPDX-License-Identifier: ISC
#include "shared/base/unique_fd.h"

#include <unistd.h>

namespace restante {
inline namespace base {

void UniqueFd::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

}  // namespace base
}  // namespace restante
