// SPDX-License-Identifier: ISC
// A memfd of one MimeProgress, sealed against a change of its size.
#include "shared/parser/progress.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>

#include "shared/base/file.h"
#include "shared/base/unique_fd.h"

namespace restante {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

void SharedMimeProgress::Unmap::operator()(MimeProgress* progress) const noexcept {
  munmap(progress, sizeof(MimeProgress));
}

Result<UniqueFd> SharedMimeProgress::make() {
  UniqueFd fd(memfd_create("mime_progress", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  constexpr std::array<char, sizeof(MimeProgress)> kZeros{};
  if (!fd || !write_all(fd.get(), {kZeros.data(), kZeros.size()}) ||
      fcntl(fd.get(), F_ADD_SEALS, kSizeSeals) != 0) {
    return fail(ErrorKind::kSystem, "memfd: {}", errno_text());
  }
  return fd;
}

Result<SharedMimeProgress> SharedMimeProgress::map(int fd) {
  struct stat status{};
  if (fstat(fd, &status) != 0 || status.st_size != sizeof(MimeProgress) ||
      fcntl(fd, F_GET_SEALS) != kSizeSeals) {
    return fail(ErrorKind::kSystem, "no progress of ours");
  }
  void* memory = mmap(nullptr, sizeof(MimeProgress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return fail(ErrorKind::kSystem, "mmap: {}", errno_text());
  SharedMimeProgress made;
  made.progress_.reset(static_cast<MimeProgress*>(memory));
  return made;
}

}  // namespace restante
