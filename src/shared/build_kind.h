// SPDX-License-Identifier: ISC
// What this build is for.
#pragma once

namespace restante {

// A sanitizer reserves terabytes of address space, reads /proc, starts processes and threads.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kHasSanitizer = true;
#else
inline constexpr bool kHasSanitizer = false;
#endif

// Writes what was executed into files when it ends.
#ifdef RESTANTE_COVERAGE
inline constexpr bool kMeasuresCoverage = true;
#else
inline constexpr bool kMeasuresCoverage = false;
#endif

}  // namespace restante
