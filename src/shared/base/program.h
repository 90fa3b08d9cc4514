// SPDX-License-Identifier: ISC
// The programs that make up a running restante.
#pragma once

#include <cstdint>
#include <string_view>

namespace restante {
inline namespace base {

// The numbers are part of the shared segment's layout (memory/scoreboard.h).
enum class Program : std::uint8_t { kUnknown, kSmtpd, kApid, kMimed, kRedisServer, kMaster };
inline constexpr std::size_t kPrograms = 6;

// As logs, metrics and restantectl name it: "smtpd". "?" for kUnknown.
[[nodiscard]] std::string_view program_name(Program program);

}  // namespace base
}  // namespace restante
