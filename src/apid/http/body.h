// SPDX-License-Identifier: ISC
// A Response as libmicrohttpd wants it: from memory, from a file, or from a stream.
#pragma once

#include <microhttpd.h>

#include <functional>

#include "apid/http/response.h"
#include "shared/base/c_ptr.h"

namespace restante::apid {

using ResponsePtr = CPtr<MHD_Response, MHD_destroy_response>;

// Nothing when there is no memory. With a stream, `read` is called each time that the client has
// taken what it was given and more is asked for; when there is no more, that is said, and the
// connection is to be suspended.
[[nodiscard]] ResponsePtr make_library_response(Response&& from, bool tls,
                                                std::function<void(bool more)> read);

}  // namespace restante::apid
