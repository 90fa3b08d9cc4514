// SPDX-License-Identifier: ISC
// What Api checks before a handler responds, and what it adds to every response.
#include "apid/api/api.h"

#include "apid/api/fakes.h"

namespace {

TEST(checks_come_in_their_order) {
  Setup setup;
  setup.config.api_rate_limit = 5;
  assert_int_equal(status_of(setup, "PUT", "/nope"), 404);
  assert_int_equal(status_of(setup, "PUT", "/nope"), 404);
  assert_int_equal(status_of(setup, "PUT", "/emails/%zz?x"), 405);
  assert_int_equal(status_of(setup, "GET", "/emails/%zz?x"), 400);
  assert_int_equal(status_of(setup, "GET", "/emails/a"), 200);
  assert_int_equal(status_of(setup, "PUT", "/nope"), 429);
  assert_int_equal(status_of(setup, "PUT", "/nope", "bad"), 401);
}

TEST(the_limit_of_a_key_is_its_own) {
  Setup setup;
  setup.config.api_rate_limit = 1;
  assert_int_equal(status_of(setup, "GET", "/emails/a", ""), 401);
  assert_int_equal(status_of(setup, "GET", "/emails/a", "bad"), 429);
  for (const char* key : {"first-key", "second-key-that-is-longer"}) {
    assert_int_equal(status_of(setup, "GET", "/emails/a", key), 200);
    assert_int_equal(status_of(setup, "GET", "/emails/a", key), 429);
  }
}

TEST(a_refused_method_names_the_others) {
  Setup setup;
  same(header(answer_of(setup, "PUT", "/emails/a"), "Allow"), "GET, HEAD, DELETE, OPTIONS;");
}

TEST(the_rate_limit_is_told_on_every_answer) {
  Setup setup;
  setup.config.api_rate_limit = 2;
  Response response = answer_of(setup, "GET", "/emails/bob");
  same(header(response, "RateLimit-Limit"), "2;");
  same(header(response, "RateLimit-Remaining"), "1;");
  assert_true(std::stoi(header(response, "RateLimit-Reset")) >= 60);
  response = answer_of(setup, "GET", "/nope");
  same(header(response, "RateLimit-Remaining"), "0;");
  response = answer_of(setup, "GET", "/emails/bob");
  assert_int_equal(response.status, 429);
  assert_true(response.body.starts_with(R"({"error":"rate limit exceeded; try again in )"));
  same(header(response, "Retry-After"), header(response, "RateLimit-Reset").c_str());
}

TEST(no_rate_limit_is_not_told) {
  Setup setup;
  same(header(answer_of(setup, "GET", "/emails/bob"), "RateLimit-Limit"), "");
}

TEST(an_answer_is_json_that_nobody_keeps) {
  Setup setup;
  const Response response = answer_of(setup, "GET", "/nope");
  same(header(response, "Content-Type"), "application/json; charset=utf-8;");
  same(header(response, "Cache-Control"), "no-store;");
  same(header(response, "X-Content-Type-Options"), "nosniff;");
}

}  // namespace
