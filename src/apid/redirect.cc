// SPDX-License-Identifier: ISC
// The plain HTTP port: it sends everyone to HTTPS and gives out nothing.
#include "apid/redirect.h"

#include <string_view>

#include "apid/uri.h"

namespace restante::apid {
namespace {

constexpr std::uint16_t kHttpsPort = 443;

}  // namespace

Response redirect_to_https(const Request& request, const std::string& fallback_host,
                           std::uint16_t https_port) {
  std::string location = "https://";
  location += parse_host(request.host).value_or(fallback_host);
  if (https_port != kHttpsPort) location += ":" + std::to_string(https_port);
  location += escape_path(request.path);
  if (!request.query.empty()) location += "?" + request.query;
  // 301 is what the original system gives. A key sent here has gone over the wire in clear: say so.
  Response response =
      error_response(301, "use https; an API key sent over http is no longer secret");
  response.headers.emplace_back("Location", std::move(location));
  return response;
}

}  // namespace restante::apid
