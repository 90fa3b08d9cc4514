// SPDX-License-Identifier: ISC
#include "apid/http/cors.h"

#include <algorithm>

namespace restante::apid {
namespace {

// The header fields that a page may read besides those that the Fetch standard always allows.
constexpr const char* kExposed =
    "Link, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, ETag, "
    "Content-Disposition, Accept-Ranges, Content-Range";
constexpr const char* kAccepted = "X-API-KEY, Last-Event-ID, Range, If-None-Match";
constexpr const char* kMaxAge = "7200";  // seconds; browsers allow no more
constexpr const char* kAll = "*";

}  // namespace

bool Cors::allows_all() const { return std::ranges::find(origins_, kAll) != origins_.end(); }

bool Cors::allows(std::string_view origin) const {
  return allows_all() || std::ranges::find(origins_, origin) != origins_.end();
}

void Cors::admit(Response& response, std::string_view origin) const {
  if (origins_.empty()) return;
  // A cache needs this also if the page is not allowed: another page may be.
  if (!allows_all()) response.headers.emplace_back("Vary", "Origin");
  if (!allows(origin)) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", allows_all() ? kAll : origin);
  response.headers.emplace_back("Access-Control-Expose-Headers", kExposed);
}

Response Cors::answer_options(const Request& request, std::string_view allow) const {
  Response response{
      .status = 204, .headers = {{"Allow", std::string(allow) + ", OPTIONS"}}, .body = {}};
  const bool asks =
      !request.field("origin").empty() && !request.field("access-control-request-method").empty();
  if (asks && allows(request.field("origin"))) {
    response.headers.emplace_back("Access-Control-Allow-Methods", allow);
    response.headers.emplace_back("Access-Control-Allow-Headers", kAccepted);
    response.headers.emplace_back("Access-Control-Max-Age", kMaxAge);
  }
  return response;
}

}  // namespace restante::apid
