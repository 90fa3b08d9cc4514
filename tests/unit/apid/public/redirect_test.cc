// SPDX-License-Identifier: ISC
// Where requests on the plain HTTP port are sent.
#include "apid/public/redirect.h"

#include <string>
#include <string_view>

#include "apid/http/connection.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::apid;

Response redirect(const char* host, const char* target, std::uint16_t port, const char* key = "") {
  Request request;
  request.method = "GET";
  read_target(request, target);
  request.host = host;
  request.api_key = key;
  return answer_in_clear(request, "mail.example.com", port);
}

std::string location(const Response& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == std::string_view("Location")) return value;
  }
  return "none";
}

TEST(plain_http_is_sent_to_https) {
  assert_same(location(redirect("a.example.com", "/emails/b?limit=1", 443)),
              "https://a.example.com/emails/b?limit=1");
  assert_same(location(redirect("a.example.com:8080", "/", 8443)), "https://a.example.com:8443/");
  assert_same(location(redirect("[::1]:80", "/x", 443)), "https://[::1]/x");
}

TEST(a_redirect_never_leads_where_the_host_is_none) {
  assert_same(location(redirect("", "/x", 443)), "https://mail.example.com/x");
  assert_same(location(redirect("evil\r\nSet-Cookie: a", "/x", 443)), "https://mail.example.com/x");
  assert_same(location(redirect("user@evil", "//evil", 443)), "https://mail.example.com//evil");
}

TEST(a_key_in_clear_is_refused_and_not_led_on) {
  for (const char* key : {"first-key", "bad"}) {
    const Response response = redirect("", "/emails/bob", 443, key);
    assert_int_equal(response.status, 403);
    assert_same(location(response), "none");
    assert_same(response.body,
                "{\"error\":\"the API key was sent over http, for all to read: replace it, and use "
                "https\"}");
  }
}

}  // namespace
