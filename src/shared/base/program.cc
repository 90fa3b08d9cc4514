// SPDX-License-Identifier: ISC
#include "shared/base/program.h"

#include <array>

namespace restante {
inline namespace base {
namespace {

constexpr std::array<std::string_view, kPrograms> kNames = {"?",     "smtpd",        "apid",
                                                            "mimed", "redis-server", "restante"};

}  // namespace

std::string_view program_name(Program program) { return kNames[static_cast<std::size_t>(program)]; }

}  // namespace base
}  // namespace restante
