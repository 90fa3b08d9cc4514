// SPDX-License-Identifier: ISC
// CORS: which origin is told what, and that without the setting nothing is said.
#include "apid/http/cors.h"

#include <string>
#include <string_view>
#include <vector>

#include "testing.h"

namespace {

using namespace restante::apid;

std::string fields(const Response& response) {
  std::string all;
  for (const auto& [name, value] : response.headers) {
    if (!all.empty()) all += "\n";
    all += std::string(name) + ": " + value;
  }
  return all;
}

std::string admitted(std::vector<std::string> origins, std::string_view origin) {
  Response response;
  Cors(std::move(origins)).admit(response, origin);
  return fields(response);
}

std::string options(std::vector<std::string> origins, const char* origin, const char* method) {
  Request request{.method = "OPTIONS"};
  if (*origin != '\0') request.fields["origin"] = origin;
  if (*method != '\0') request.fields["access-control-request-method"] = method;
  const Response response = Cors(std::move(origins)).answer_options(request, "GET, HEAD");
  return std::to_string(response.status) + "\n" + fields(response) + response.body;
}

constexpr const char* kExpose =
    "\nAccess-Control-Expose-Headers: Link, RateLimit-Limit, RateLimit-Remaining, "
    "RateLimit-Reset, Retry-After, ETag, Content-Disposition, Accept-Ranges, Content-Range";

TEST(without_the_setting_nothing_is_said) {
  assert_same(admitted({}, ""), "");
  assert_same(admitted({}, "https://a.example"), "");
}

TEST(an_origin_of_the_list_is_named) {
  const std::vector<std::string> origins = {"https://a.example", "https://b.example:8443"};
  for (const std::string& origin : origins) {
    assert_same(admitted(origins, origin),
                "Vary: Origin\nAccess-Control-Allow-Origin: " + origin + kExpose);
  }
}

TEST(any_other_origin_hears_only_that_answers_differ) {
  for (const char* origin :
       {"", "null", "https://c.example", "http://a.example", "https://a.example:444",
        "https://a.example.evil.example", "https://evil.example, https://a.example",
        "https://A.example", "https://a.example/", "*"}) {
    assert_same(admitted({"https://a.example"}, origin), "Vary: Origin");
  }
}

TEST(a_star_is_for_all_and_the_same_for_each) {
  for (const char* origin : {"", "null", "https://a.example"}) {
    assert_same(admitted({"*"}, origin), std::string("Access-Control-Allow-Origin: *") + kExpose);
    assert_same(admitted({"https://a.example", "*"}, origin),
                std::string("Access-Control-Allow-Origin: *") + kExpose);
  }
}

TEST(options_tells_the_methods) {
  assert_same(options({}, "", ""), "204\nAllow: GET, HEAD, OPTIONS");
  assert_same(options({}, "https://a.example", "GET"), "204\nAllow: GET, HEAD, OPTIONS");
  assert_same(options({"*"}, "", "GET"), "204\nAllow: GET, HEAD, OPTIONS");
  assert_same(options({"*"}, "https://a.example", ""), "204\nAllow: GET, HEAD, OPTIONS");
  assert_same(options({"https://b.example"}, "https://a.example", "GET"),
              "204\nAllow: GET, HEAD, OPTIONS");
}

TEST(a_preflight_of_an_origin_that_may_is_told_what_it_may_send) {
  for (const char* setting : {"*", "https://a.example"}) {
    assert_same(options({setting}, "https://a.example", "DELETE"),
                "204\nAllow: GET, HEAD, OPTIONS\nAccess-Control-Allow-Methods: GET, HEAD\n"
                "Access-Control-Allow-Headers: X-API-KEY, Last-Event-ID, Range, If-None-Match\n"
                "Access-Control-Max-Age: 7200");
  }
}

}  // namespace
