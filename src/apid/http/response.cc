// SPDX-License-Identifier: ISC
#include "apid/http/response.h"

#include "shared/mail/message.h"

namespace restante::apid {
namespace {

constexpr const char* kRetry = "5";   // seconds; the worker tries Redis again more often than that
constexpr std::size_t kHeaders = 10;  // few responses have more

}  // namespace

Response json_response(unsigned status, std::string body) {
  Response response{.status = status, .headers = {}, .body = std::move(body)};
  response.headers.reserve(kHeaders);
  // No cache may store mail (RFC 9111 section 5.2.2.5), and no browser may show it as a page.
  response.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; frame-ancestors 'none'");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

Response error_response(unsigned status, std::string_view text) {
  return json_response(status, "{\"error\":" + mail::json_string(text) + "}");
}

Response message_response(std::string_view text) {
  return json_response(200, "{\"message\":" + mail::json_string(text) + "}");
}

Response no_such_message() { return error_response(404, "no such message"); }

std::string whole_seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count());
}

Response too_many_requests(std::string_view text, std::chrono::milliseconds retry_in) {
  const std::string seconds = whole_seconds(retry_in);
  Response response = refuse(429, "{}; try again in {} seconds", text, seconds);
  response.headers.emplace_back("Retry-After", seconds);
  return response;
}

Response try_later(std::string_view text) {
  Response response = error_response(503, text);
  response.headers.emplace_back("Retry-After", kRetry);
  return response;
}

Response store_away() { return try_later("mail store is not available, try again later"); }

}  // namespace restante::apid
