// SPDX-License-Identifier: ISC
// Routes about the service itself: who may have them, and what they say.
#include "apid/api/service_handlers.h"

#include "apid/api/fakes.h"

namespace {

constexpr const char* kPolicyPath = "/.well-known/mta-sts.txt";

TEST(a_policy_is_told_to_anyone) {
  Setup setup;
  setup.config.hostname = "mail.example.com";
  setup.config.mta_sts = config::MtaSts::kEnforce;
  const Response response = answer_of(setup, "GET", kPolicyPath, "");
  assert_int_equal(response.status, 200);
  same(header(response, "Content-Type"), "text/plain;");
  same(response.body,
       "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmax_age: 604800\r\n");
  setup.config.mta_sts = config::MtaSts::kTesting;
  same(ask(setup, "HEAD", kPolicyPath, "bad"),
       "200 version: STSv1\r\nmode: testing\r\nmx: mail.example.com\r\nmax_age: 604800\r\n");
}

TEST(without_a_policy_there_is_none) {
  Setup setup;
  same(ask(setup, "GET", kPolicyPath, ""), "404 {\"error\":\"there is no MTA-STS policy\"}");
}

TEST(a_policy_opens_nothing_else) {
  Setup setup;
  setup.config.mta_sts = config::MtaSts::kEnforce;
  for (const char* path : {"/.well-known/x", "/.well-known/mta-sts.txt/../../emails/bob"}) {
    assert_int_equal(status_of(setup, "GET", path, ""), 401);
  }
  assert_int_equal(status_of(setup, "DELETE", kPolicyPath, ""), 401);
  assert_int_equal(status_of(setup, "DELETE", kPolicyPath), 405);
  same(setup.asked, "");
}

TEST(a_policy_counts_for_the_rate_limit) {
  Setup setup;
  setup.config.mta_sts = config::MtaSts::kEnforce;
  setup.config.api_rate_limit = 1;
  const Response response = answer_of(setup, "GET", kPolicyPath, "");
  assert_int_equal(response.status, 200);
  same(header(response, "RateLimit-Remaining"), "0;");
  assert_int_equal(status_of(setup, "GET", kPolicyPath, ""), 429);
}

TEST(health_is_told_to_anyone_and_not_counted) {
  Setup setup;
  setup.config.api_rate_limit = 1;
  assert_int_equal(status_of(setup, "GET", "/emails/bob"), 200);
  assert_int_equal(status_of(setup, "GET", "/emails/bob"), 429);
  setup.asked.clear();
  const Response response = answer_of(setup, "GET", "/healthz", "");
  assert_int_equal(response.status, 200);
  same(response.body, "{\"status\":\"ok\"}");
  same(header(response, "RateLimit-Limit"), "");
  same(setup.asked, "");
  same(ask(setup, "HEAD", "/readyz", "bad"), "200 {\"status\":\"ok\"}");
  same(setup.asked, "ping");
  setup.redis_away = true;
  same(ask(setup, "GET", "/healthz", ""), "200 {\"status\":\"ok\"}");
  same(ask(setup, "GET", "/readyz", ""),
       "503 {\"error\":\"mail store is not available, try again later\"}");
  assert_int_equal(status_of(setup, "POST", "/healthz", ""), 401);
  assert_int_equal(status_of(setup, "POST", "/healthz", ""), 429);
}

TEST(metrics_want_the_key_in_either_of_two_fields) {
  Setup setup;
  same(ask(setup, "GET", "/metrics"), "200 counted 1\n");
  const struct {
    const char *path, *authorization;
    unsigned status;
  } cases[] = {{"/metrics", "Bearer first-key", 200},
               {"/metrics", "bearer first-key", 200},
               {"/metrics", "Bearer wrong", 401},
               {"/metrics", "Bearer", 401},
               {"/metrics", "Bearer ", 401},
               {"/metrics", "Basic first-key", 401},
               {"/metrics", "", 401},
               {"/emails/bob", "Bearer first-key", 401},
               {"/metrics", "Bearer first-key, Bearer first-key", 401}};
  for (const auto& one : cases) {
    Request request = make_request("GET", one.path, "");
    request.fields["authorization"] = one.authorization;
    assert_int_equal(status_of(setup, request), one.status);
  }
}

}  // namespace
