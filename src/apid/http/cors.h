// SPDX-License-Identifier: ISC
// Which web pages of other sites may read the API: CORS (https://fetch.spec.whatwg.org).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apid/http/request.h"
#include "apid/http/response.h"

namespace restante::apid {

// The CORS policy of the API. Without a configured origin no page is allowed, and no response has a
// field of CORS. Credentials (cookies) are never allowed: a page must know the key and send it in a
// header field.
class Cors {
 public:
  // `origins` are the values of api_cors_origin: https://app.example.com, or * for all origins.
  explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  // Adds the fields that let a page read the response, if `origin` (the Origin field of the
  // request) is allowed. Adds `Vary: Origin` unless all origins are.
  void admit(Response& response, std::string_view origin) const;

  // The 204 response to OPTIONS (RFC 9110 section 9.3.7) for a path with the methods `allow`, such
  // as "GET, HEAD". The answer to a preflight request from an allowed page also says what the page
  // may send.
  [[nodiscard]] Response answer_options(const Request& request, std::string_view allow) const;

 private:
  [[nodiscard]] bool allows_all() const;
  [[nodiscard]] bool allows(std::string_view origin) const;
  std::vector<std::string> origins_;
};

}  // namespace restante::apid
