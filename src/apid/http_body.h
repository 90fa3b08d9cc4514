// SPDX-License-Identifier: ISC
// A Response as libmicrohttpd wants it: from memory, from a file, or from a stream.
#pragma once

#include <microhttpd.h>

#include <functional>

#include "apid/http.h"
#include "shared/c_ptr.h"

namespace restante::apid {

using ResponsePtr = CPtr<MHD_Response, MHD_destroy_response>;

// Nothing when there is no memory. With a stream, `idle` is called when a client has read all that
// is there; it suspends the connection.
[[nodiscard]] ResponsePtr make_library_response(Response&& from, std::function<void()> idle);

}  // namespace restante::apid
