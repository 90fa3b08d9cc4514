// SPDX-License-Identifier: ISC
// What a path may have for USER, ID and NUMBER.
#include "apid/api/path_arguments.h"

#include "apid/api/fakes.h"

namespace {

constexpr const char* kMailPath = "/emails/Bob/1700000002000000003";

TEST(what_is_no_id_is_400) {
  Setup setup;
  for (const char* id : {"1", "17000000020000000030", "170000000200000000x", "Latest", "%31",
                         "99999999999999999999", "1700000002000-3", "-700000002000000003"}) {
    same(ask(setup, "GET", std::string("/emails/bob/") + id),
         "400 {\"error\":\"the id of a message is 19 digits, or latest\"}");
  }
  same(ask(setup, "GET", std::string(kMailPath) + "?limit=1"),
       "400 {\"error\":\"a single message takes no query parameters\"}");
  assert_int_equal(status_of(setup, "GET", "/emails/b%00/latest"), 400);
  same(setup.asked, "");
}

TEST(attachments_have_numbers_from_one) {
  Setup setup;
  for (const char* number : {"0", "a.pdf", "-1", "+1", "1x", "%31", "18446744073709551616"}) {
    const Request request =
        make_request("GET", std::string("/emails/bob/latest/attachments/") + number);
    assert_int_equal(status_of(setup, request), 400);
  }
  same(
      ask(setup, "GET", "/emails/bob/latest/attachments/%22a"),
      "400 {\"error\":\"attachments are numbered from 1: \\\"\\\\\\\"a\\\" is no number of one\"}");
  same(setup.asked, "");
}

TEST(a_mailbox_has_one_name_in_any_case_and_as_an_address) {
  for (const char* path : {"/emails/Bob", "/emails/BOB@Example.COM", "/emails/bob%40example.org"}) {
    Setup setup;
    same(ask(setup, "DELETE", path),
         "200 {\"message\":\"All messages for bob have been cleared\"}");
    same(setup.asked, "clear bob");
  }
}

TEST(an_address_elsewhere_is_not_found) {
  Setup setup;
  same(ask(setup, "GET", "/emails/bob@evil.net"),
       "404 {\"error\":\"this server keeps no mail for the domain \\\"evil.net\\\"; it does for "
       "example.com\"}");
}

TEST(a_bad_mailbox_name_is_refused) {
  Setup setup;
  for (const char* path : {"/emails/a%00b", "/emails/a%zz", "/emails/%ff", "/emails/@example.com",
                           "/emails/a@", "/emails/a@b@example.com"}) {
    assert_int_equal(status_of(setup, "GET", path), 400);
  }
  assert_int_equal(status_of(setup, "GET", "/emails/" + std::string(65, 'a')), 400);
  same(setup.asked, "");
  assert_int_equal(status_of(setup, "GET", "/emails/" + std::string(64, 'a')), 200);
}

}  // namespace
