// SPDX-License-Identifier: ISC
// What a handler is given and what it gives back: HTTP without any socket or library.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/client_address.h"

namespace restante::apid {

// A request whose framing has been checked (http_server.cc). It has no body: none of ours has one.
struct Request {
  std::string method;
  std::string path;   // as sent, before the '?', still percent-encoded; begins with '/'
  std::string query;  // as sent, behind the '?'
  std::string host;   // as sent; may be empty or nonsense
  std::string api_key;
  ClientAddress client;
};

struct Response {
  unsigned status = 200;
  std::vector<std::pair<const char*, std::string>> headers;  // names are literals
  std::string body;
};

// Answers one request. It may be called later, from the worker's loop, and as often as one likes:
// the first answer counts. When the client has gone meanwhile, nothing happens.
using Responder = std::function<void(Response)>;

using Handler = std::function<void(const Request&, Responder)>;

// {"error":"…"} with the headers that every JSON answer has.
[[nodiscard]] Response error_response(unsigned status, std::string_view text);
[[nodiscard]] Response json_response(unsigned status, std::string body);

}  // namespace restante::apid
