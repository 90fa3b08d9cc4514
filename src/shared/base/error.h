// SPDX-License-Identifier: ISC
// Errors as values: what can go wrong in normal work is part of the return type.
#pragma once

#include <fmt/core.h>

#include <cerrno>
#include <cstdint>
#include <expected>
#include <string>
#include <system_error>

namespace restante {
inline namespace base {

enum class ErrorKind : std::uint8_t {
  kConfig,       // what the operator wrote is wrong; trying again cannot help (exit 78, EX_CONFIG)
  kSystem,       // the operating system refused something
  kUnavailable,  // a peer process or Redis is away, too slow, or lost the answer: try again later
  kFull,         // Redis is out of memory: try again when there is room
};

// `what` is one line for a human: what was wrong and, where it is known, what to do.
struct Error {
  ErrorKind kind;
  std::string what;
};

template <class T>
using Result = std::expected<T, Error>;

template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> format,
                                          Args&&... args) {
  return std::unexpected(Error{kind, fmt::format(format, std::forward<Args>(args)...)});
}

// The text of `error_number`, thread-safe. Call it on the line after the call that failed.
[[nodiscard]] inline std::string errno_text(int error_number = errno) {
  return std::generic_category().message(error_number);
}

}  // namespace base
}  // namespace restante
