// SPDX-License-Identifier: ISC
// Keeps exceptions of our code out of the C libraries that call it back.
#pragma once

#include <exception>

#include "shared/log/log.h"

namespace restante::apid {

// Runs `work` and returns true. If `work` throws, logs event=api_request_failed and returns false.
// In practice the exception is std::bad_alloc: the caller gives up the one connection that it was
// working for, and the others go on.
template <class Work>
bool catching(const Work& work) noexcept {
  try {
    work();
    return true;
  } catch (const std::exception& error) {
    log::error("api_request_failed", {{"reason", error.what()}});
    return false;
  }
}

}  // namespace restante::apid
