// SPDX-License-Identifier: ISC
// Files by descriptor: read and written as a whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/error.h"
#include "shared/base/unique_fd.h"

namespace restante {
inline namespace base {

// A memfd (memfd_create(2)) with `content`, sealed against every change.
[[nodiscard]] Result<UniqueFd> make_sealed_memfd(std::string_view name, std::string_view content);

// Seals a memfd against every change; false with errno set if that fails.
[[nodiscard]] bool seal(int fd);

// The size of a memfd in bytes, if nobody can change its size or content any more. Nothing for any
// other file.
[[nodiscard]] std::optional<std::uint64_t> sealed_size(int fd);

// False with errno set: not all of the bytes could be written.
[[nodiscard]] bool write_all(int fd, std::string_view bytes);

// Reads a whole file, from its start, and leaves the offset where it was. Leaves no other copy of
// the content in memory.
[[nodiscard]] Result<std::string> read_all(int fd);

// Whether any user may pass through `directory` and all that are above it. False if one of them
// cannot be looked at.
[[nodiscard]] bool is_open_to_all(std::filesystem::path directory);

}  // namespace base
}  // namespace restante
