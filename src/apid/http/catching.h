// SPDX-License-Identifier: ISC
// The wall between our code and a C library that calls it back: no exception may pass through it.
#pragma once

#include <exception>

#include "shared/log/log.h"

namespace restante::apid {

// Runs `work`; false when it threw. What is thrown is out of memory, and then the one client that
// it was for goes and the others stay.
template <class Work>
bool guarded(const Work& work) noexcept {
  try {
    work();
    return true;
  } catch (const std::exception& error) {
    log::error("api_request_failed", {{"reason", error.what()}});
    return false;
  }
}

}  // namespace restante::apid
