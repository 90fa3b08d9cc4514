// SPDX-License-Identifier: ISC
// The answers that all handlers build on.
#include "apid/http/message.h"

#include "shared/mail/message.h"

namespace restante::apid {
namespace {

constexpr const char* kRetry = "5";   // seconds; Redis is tried again more often than that
constexpr std::size_t kHeaders = 10;  // that an answer mostly has at most

}  // namespace

std::string_view Request::field(std::string_view name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string_view() : std::string_view(found->second);
}

Response json_response(unsigned status, std::string body) {
  Response response{.status = status, .headers = {}, .body = std::move(body)};
  response.headers.reserve(kHeaders);
  // Mail is nobody's to cache (RFC 9111 section 5.2.2.5) and never to be taken for a page.
  response.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; frame-ancestors 'none'");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

Response error_response(unsigned status, std::string_view text) {
  return json_response(status, "{\"error\":" + json_string(text) + "}");
}

Response message_response(std::string_view text) {
  return json_response(200, "{\"message\":" + json_string(text) + "}");
}

Response no_such_message() { return error_response(404, "no such message"); }

std::string whole_seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count());
}

Response too_many_requests(std::string_view text, std::chrono::milliseconds retry_in) {
  Response response = error_response(429, text);  // RFC 6585 section 4
  response.headers.emplace_back("Retry-After", whole_seconds(retry_in));
  return response;
}

Response try_later(std::string_view text) {
  Response response = error_response(503, text);
  response.headers.emplace_back("Retry-After", kRetry);
  return response;
}

Response store_away() { return try_later("mail store is not available, try again later"); }

}  // namespace restante::apid
