// SPDX-License-Identifier: ISC
// What this build is for.
#pragma once

namespace restante {
inline namespace base {

// A sanitizer reserves terabytes of address space, reads /proc, starts processes and threads.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kHasSanitizer = true;
#else
inline constexpr bool kHasSanitizer = false;
#endif

// Whether a worker of it fits into the sandbox: coverage writes files when a program ends.
#ifdef RESTANTE_COVERAGE
inline constexpr bool kFitsSandbox = false;
#else
inline constexpr bool kFitsSandbox = !kHasSanitizer;
#endif

}  // namespace base
}  // namespace restante
