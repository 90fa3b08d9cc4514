// SPDX-License-Identifier: ISC
#include "shared/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace restante {
inline namespace base {
namespace {

constexpr int kUnchanging = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

}  // namespace

Result<UniqueFd> make_sealed_memfd(std::string_view name, std::string_view content) {
  UniqueFd fd(memfd_create(std::string(name).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fail(ErrorKind::kSystem, "memfd_create: {}", errno_text());
  if (!write_all(fd.get(), content)) {
    return fail(ErrorKind::kSystem, "memfd {}: {}", name, errno_text());
  }
  if (!seal(fd.get())) return fail(ErrorKind::kSystem, "memfd {}: {}", name, errno_text());
  return fd;
}

bool seal(int fd) { return fcntl(fd, F_ADD_SEALS, kUnchanging | F_SEAL_SEAL) == 0; }

std::optional<std::uint64_t> sealed_size(int fd) {
  const int seals = fcntl(fd, F_GET_SEALS);
  struct stat status{};
  if (seals < 0 || (seals & kUnchanging) != kUnchanging || fstat(fd, &status) != 0) return {};
  return static_cast<std::uint64_t>(status.st_size);
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<std::string> read_all(int fd) {
  std::string content;
  struct stat status{};
  if (fstat(fd, &status) == 0 && status.st_size > 0) {
    content.reserve(static_cast<std::size_t>(status.st_size) + 1);
  }
  // Into its place, so that no second copy of a secret stays on the stack.
  constexpr std::size_t kPiece = 16384;
  for (;;) {
    const std::size_t had = content.size();
    ssize_t got = 0;
    int error_number = 0;
    content.resize_and_overwrite(
        std::max(content.capacity(), had + (had == content.capacity() ? kPiece : 0)),
        [&](char* bytes, std::size_t size) {
          got = pread(fd, bytes + had, size - had, static_cast<off_t>(had));
          error_number = errno;
          return had + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
        });
    if (got < 0) return fail(ErrorKind::kSystem, "read: {}", errno_text(error_number));
    if (got == 0) return content;
  }
}

bool is_open_to_all(std::filesystem::path directory) {
  for (; directory.has_relative_path(); directory = directory.parent_path()) {
    struct stat status{};
    if (stat(directory.c_str(), &status) != 0 || (status.st_mode & S_IXOTH) == 0) return false;
  }
  return true;
}

}  // namespace base
}  // namespace restante
