// SPDX-License-Identifier: ISC
// HTTP challenges: the files by which a certificate authority checks that a domain belongs to this
// server (RFC 8555 section 8.3).
#pragma once

#include <optional>
#include <string>

#include "apid/http/request.h"
#include "apid/http/response.h"

namespace restante::apid {

// Responds to GET and HEAD of /.well-known/acme-challenge/TOKEN. Returns nothing for any other
// request, and if `directory` is empty. The response is 404 unless TOKEN is a regular file of at
// most 16 KiB in `directory` or in its .well-known/acme-challenge, where certbot --webroot writes.
// Symbolic links below `directory` are not followed. Blocks while it reads the file.
[[nodiscard]] std::optional<Response> answer_challenge(const Request& request,
                                                       const std::string& directory);

}  // namespace restante::apid
