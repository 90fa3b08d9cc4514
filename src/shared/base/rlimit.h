// SPDX-License-Identifier: ISC
// How many descriptors this process may have, getrlimit(2).
#pragma once

#include <cstdint>

namespace restante {
inline namespace base {

// Raises the soft RLIMIT_NOFILE to the hard limit. Call it before enter_sandbox(), which forbids
// setrlimit(2).
void raise_descriptor_limit();

// The soft limit. It may be changed from outside at any time (prlimit(2)).
[[nodiscard]] std::uint64_t descriptor_limit();

}  // namespace base
}  // namespace restante
