// SPDX-License-Identifier: ISC
// The files by which a certificate authority checks that a name is ours (RFC 8555 section 8.3).
#pragma once

#include <optional>
#include <string>

#include "apid/http/message.h"

namespace restante::apid {

// The answer to GET or HEAD of /.well-known/acme-challenge/TOKEN; none to any other request. 404
// unless TOKEN is a regular file of at most 16 KiB in `directory`, or in
// .well-known/acme-challenge below it, where certbot --webroot puts it. No symbolic link is
// followed below `directory`. Without a directory (empty) there is no such answer.
[[nodiscard]] std::optional<Response> answer_challenge(const Request& request,
                                                       const std::string& directory);

}  // namespace restante::apid
