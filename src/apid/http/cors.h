// SPDX-License-Identifier: ISC
// Which pages of other sites may read the API in a browser: CORS, of the Fetch standard.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apid/http/request.h"
#include "apid/http/response.h"

namespace restante::apid {

// Nothing is allowed without a configured origin, and then no answer tells of CORS at all. Cookies
// and the like are never allowed: the key is a header field that a page has to know.
class Cors {
 public:
  // `origins` as in the setting api_cors_origin: https://app.example.com, or * for all.
  explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  // Puts into an answer what lets a page of `origin` (a request's Origin field) read it, if one
  // may.
  void admit(Response& response, std::string_view origin) const;

  // To OPTIONS at a path with the methods `allow` (RFC 9110 section 9.3.7): which there are, and to
  // a browser that asks beforehand for a page that may, what it may send.
  [[nodiscard]] Response answer_options(const Request& request, std::string_view allow) const;

 private:
  [[nodiscard]] bool allows_all() const;
  [[nodiscard]] bool allows(std::string_view origin) const;
  std::vector<std::string> origins_;
};

}  // namespace restante::apid
