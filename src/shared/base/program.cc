// SPDX-License-Identifier: ISC
#include "shared/base/program.h"

#include <algorithm>
#include <array>

namespace restante {
inline namespace base {
namespace {

constexpr std::array<std::string_view, kPrograms> kNames = {"?",     "smtpd",        "apid",
                                                            "mimed", "redis-server", "restante"};

}  // namespace

std::string_view program_name(Program program) { return kNames[static_cast<std::size_t>(program)]; }

Program program_named(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  return found == kNames.end() ? Program::kUnknown : static_cast<Program>(found - kNames.begin());
}

}  // namespace base
}  // namespace restante
