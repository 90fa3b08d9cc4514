// SPDX-License-Identifier: ISC
// Which keys open, and what a client gets that offers wrong ones.
#include "apid/api/authenticator.h"

#include "apid/api/fakes.h"

namespace {

TEST(every_configured_key_opens) {
  for (const char* key : {"first-key", "second-key-that-is-longer"}) {
    Setup setup;
    same(ask(setup, "GET", "/emails/bob", key), "200 []");
  }
}

TEST(nothing_else_opens) {
  const std::string long_key(300, 'x');
  for (const std::string& key :
       {std::string(), std::string("first-ke"), std::string("first-keyy"), std::string("First-key"),
        std::string("first-key\0", 10), std::string("first-key") + std::string(100, '\0'),
        std::string("first-key second-key-that-is-longer"), long_key}) {
    Setup setup;
    const Response response = answer_of(setup, "GET", "/emails/bob", key);
    assert_int_equal(response.status, 401);
    same(response.body, key.empty()
                            ? R"({"error":"no API key; send it in the header field X-API-KEY"})"
                            : R"({"error":"invalid API key"})");
    same(setup.asked, "");
  }
}

TEST(a_key_may_stand_as_its_hash) {
  Setup setup;
  // printf %s first-key | sha256sum
  setup.config.api_key = {
      "sha256:9e24b55356ef2a121ab5fd1a3ee8a3c9191e837f3853e399a369e9044ff183f7"};
  assert_int_equal(status_of(setup, "GET", "/emails/bob"), 200);
  for (const std::string& wrong : {setup.config.api_key.front(), std::string("second-key"),
                                   setup.config.api_key.front().substr(7)}) {
    assert_int_equal(status_of(setup, "GET", "/emails/bob", wrong), 401);
  }
}

TEST(who_is_wrong_too_often_has_to_wait) {
  Setup setup;
  setup.config.api_key_failure_limit = 2;
  const Request right = make_request("GET", "/emails/bob");
  const Request wrong = make_request("GET", "/emails/bob", "bad");
  Request other = right;
  other.client.rate_key = "192.0.2.77";
  for (int i = 0; i < 5; ++i) {  // no key is no guess
    assert_int_equal(status_of(setup, "GET", "/emails/bob", ""), 401);
  }
  assert_int_equal(status_of(setup, wrong), 401);
  assert_int_equal(status_of(setup, right), 200);
  assert_int_equal(status_of(setup, wrong), 401);
  const Response response = answer_of(setup, right);
  assert_int_equal(response.status, 429);
  assert_true(response.body.starts_with(
      R"({"error":"too many wrong API keys from this address; try again in )"));
  assert_true(std::stoi(header(response, "Retry-After")) >= 59);
  assert_int_equal(status_of(setup, wrong), 429);
  assert_int_equal(status_of(setup, other), 200);
  // Nobody guesses a strong key, so it need not wait for those who guess at the same address.
  assert_int_equal(status_of(setup, "GET", "/emails/bob", "second-key-that-is-longer"), 200);
  assert_int_equal(status_of(setup, "GET", "/healthz", ""), 200);
}

}  // namespace
