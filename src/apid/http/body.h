// SPDX-License-Identifier: ISC
// Makes the library's response of ours.
#pragma once

#include <microhttpd.h>

#include <functional>

#include "apid/http/response.h"
#include "shared/base/c_ptr.h"

namespace restante::apid {

using ResponsePtr = CPtr<MHD_Response, MHD_destroy_response>;

// Makes a response of libmicrohttpd with the headers of `from` and its body from memory, from a
// file or from a stream. `tls` says that the connection is encrypted. Returns null if memory is
// out.
//
// Of a stream, `read` is called from the loop each time that the library has sent what it had and
// asks for more. If there is nothing more yet, `more` is false, and `read` must suspend the
// connection.
[[nodiscard]] ResponsePtr make_library_response(Response&& from, bool tls,
                                                std::function<void(bool more)> read);

}  // namespace restante::apid
