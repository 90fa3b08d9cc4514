// SPDX-License-Identifier: ISC
#include "apid/public/redirect.h"

#include <string_view>

#include "apid/http/uri.h"

namespace restante::apid {
namespace {

constexpr std::uint16_t kHttpsPort = 443;

}  // namespace

Response answer_in_clear(const Request& request, const std::string& fallback_host,
                         std::uint16_t https_port) {
  // Whether the key is valid is not said.
  if (!request.api_key.empty()) {
    return error_response(
        403, "the API key was sent over http, for all to read: replace it, and use https");
  }
  std::string location = "https://";
  location += parse_host(request.host).value_or(fallback_host);
  if (https_port != kHttpsPort) location += ":" + std::to_string(https_port);
  location += escape_path(request.path);
  if (!request.query.empty()) location += "?" + request.query;
  Response response = error_response(301, "use https");  // 301 is what the original system gives
  response.headers.emplace_back("Location", std::move(location));
  return response;
}

}  // namespace restante::apid
