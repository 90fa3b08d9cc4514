// SPDX-License-Identifier: ISC
// How many descriptors this process may have, getrlimit(2).
#pragma once

#include <cstdint>

namespace restante {
inline namespace base {

// As many as it is allowed to; before the sandbox is entered, where that is one of the things that
// are not done any more.
void raise_descriptor_limit();

// It may be changed from outside at any time.
[[nodiscard]] std::uint64_t descriptor_limit();

}  // namespace base
}  // namespace restante
