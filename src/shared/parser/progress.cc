// SPDX-License-Identifier: ISC
#include "shared/parser/progress.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>

#include "shared/base/file.h"

namespace restante::parser {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

void SharedProgress::Unmap::operator()(Progress* progress) const noexcept {
  munmap(progress, sizeof(Progress));
}

Result<UniqueFd> SharedProgress::make() {
  UniqueFd fd(memfd_create("mime_progress", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  constexpr std::array<char, sizeof(Progress)> kZeros{};
  if (!fd || !write_all(fd.get(), {kZeros.data(), kZeros.size()}) ||
      fcntl(fd.get(), F_ADD_SEALS, kSizeSeals) != 0) {
    return fail(ErrorKind::kSystem, "memfd: {}", errno_text());
  }
  return fd;
}

Result<SharedProgress> SharedProgress::map(int fd) {
  struct stat status{};
  if (fstat(fd, &status) != 0 || status.st_size != sizeof(Progress) ||
      fcntl(fd, F_GET_SEALS) != kSizeSeals) {
    return fail(ErrorKind::kSystem, "no progress of ours");
  }
  void* memory = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return fail(ErrorKind::kSystem, "mmap: {}", errno_text());
  SharedProgress made;
  made.progress_.reset(static_cast<Progress*>(memory));
  return made;
}

}  // namespace restante::parser
