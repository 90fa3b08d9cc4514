// SPDX-License-Identifier: ISC
// An HTTP request as a handler receives it, without any socket or library.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "shared/net/client_address.h"

namespace restante::apid {

// The header fields that handlers read, in lower case. The server drops all others.
inline constexpr std::string_view kKeptFields[] = {
    "accept-encoding", "access-control-request-method",
    "authorization",   "if-none-match",
    "if-range",        "last-event-id",
    "origin",          "range",
    "x-forwarded-for",
};

// A request whose framing is sound (request_head.h). No route takes a body, so none is read.
struct Request {
  std::string method;
  std::string path;   // as sent, before the '?', still percent-encoded; begins with '/'
  std::string query;  // as sent, after the '?'
  std::string host;   // the Host field as sent; empty if there is none
  std::string api_key;
  bool has_body = false;  // the client announced a body; it was not read
  bool was_held = false;  // by Responder::hold(): the duration of the request says nothing
  // The fields of kKeptFields that the client sent. Several of one name are joined by ", "
  // (RFC 9110 section 5.3).
  std::map<std::string_view, std::string> fields;
  net::ClientAddress client;

  // The value of field `name`, one of kKeptFields. Empty if the client did not send it.
  [[nodiscard]] std::string_view field(std::string_view name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string_view() : found->second;
  }
};

}  // namespace restante::apid
