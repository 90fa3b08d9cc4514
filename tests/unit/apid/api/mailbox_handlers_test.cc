// SPDX-License-Identifier: ISC
// Routes of a mailbox: pages, their links and parameters, and clearing.
#include "apid/api/mailbox_handlers.h"

#include "apid/api/fakes.h"

namespace {

TEST(an_empty_inbox_is_an_empty_array) {
  Setup setup;
  same(ask(setup, "GET", "/emails/bob"), "200 []");
  same(setup.asked, "list bob 50");
}

TEST(mails_are_listed_in_the_order_of_the_store) {
  Setup setup;
  for (const std::uint64_t time : {1700000002000, 1700000001000}) {
    setup.page.mails.push_back({{time, 0},
                                "\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\"\n\"size\":1",
                                "\"body_text\":\"t\",\"body_html\":\"\",\"attachments\":[]"});
  }
  const char* wanted =
      "200 [{\"id\":\"1700000002000000000\",\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\","
      "\"body_text\":\"t\",\"body_html\":\"\",\"attachments\":[],\"received_at\":1700000002},"
      "{\"id\":\"1700000001000000000\",\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\","
      "\"body_text\":\"t\",\"body_html\":\"\",\"attachments\":[],\"received_at\":1700000001}]";
  same(ask(setup, "GET", "/emails/bob"), wanted);
}

TEST(a_next_page_is_linked) {
  Setup setup;
  setup.page.next = store::MailId{1700000001000, 7};
  const Response response = answer_of(setup, "GET", "/emails/a%3Eb>?limit=2");
  same(header(response, "Link"),
       "</emails/a%3Eb%3E?limit=2&before=1700000001000000007>; rel=\"next\";");
  same(setup.asked, "list a%3Eb%3E 2");
}

TEST(a_last_page_has_no_link) {
  Setup setup;
  same(header(answer_of(setup, "GET", "/emails/bob"), "Link"), "");
}

TEST(limit_and_before_reach_the_store) {
  Setup setup;
  ask(setup, "GET", "/emails/bob?limit=1000&before=1700000001000000007");
  same(setup.asked, "list bob 1000 1700000001000000007");
}

constexpr const char* kSummary =
    "\"from\":\"Ann@b\",\"to\":\"b\",\"subject\":\"S\"\n\"size\":1,\"snippet\":\"t\","
    "\"attachments\":2";

TEST(bounds_and_filters_reach_the_store) {
  Setup setup;
  ask(setup, "GET", "/emails/bob?after=1700000001000000007&since=1700000001");
  same(setup.asked, "list bob 50 after 1700000001000000007 since 1700000001");
  assert_false(static_cast<bool>(setup.fits));
  for (const auto& [query, wanted] : {std::pair("from=ann%40", true),
                                      {"from=bob", false},
                                      {"subject=s&from=B", true},
                                      {"subject=a", false}}) {
    ask(setup, "GET", std::string("/emails/bob?") + query);
    assert_int_equal(setup.fits(kSummary), wanted);
  }
}

TEST(a_summary_has_no_bodies) {
  Setup setup;
  setup.page.mails.push_back({{1700000002000, 0}, kSummary, {}});
  setup.page.mails.push_back({{1700000001000, 0}, "\"from\":\"a\"", {}});
  same(ask(setup, "GET", "/emails/bob?view=summary"),
       "200 [{\"id\":\"1700000002000000000\",\"from\":\"Ann@b\",\"to\":\"b\",\"subject\":\"S\","
       "\"size\":1,\"snippet\":\"t\",\"attachments\":2,\"received_at\":1700000002},"
       "{\"id\":\"1700000001000000000\",\"from\":\"a\",\"received_at\":1700000001}]");
  same(setup.asked, "list bob 50 without bodies");
}

TEST(the_link_keeps_every_parameter) {
  Setup setup;
  setup.page.next = store::MailId{1700000001000, 7};
  const Response response =
      answer_of(setup, "GET",
                "/emails/bob?from=a%2Bb@c&before=1700000009000000000&view=summary"
                "&subject=a+%26%22%C3%A9~&since=5&after=0000000000000000001");
  same(header(response, "Link"),
       "</emails/bob?limit=50&before=1700000001000000007&from=a%2Bb%40c&view=summary"
       "&subject=a%20%26%22%C3%A9~&since=5&after=0000000000000000001>; rel=\"next\";");
}

TEST(a_bad_filter_is_named) {
  Setup setup;
  for (const auto& [query, error] :
       {std::pair("after=5", "after must be the id of a mail: 19 digits"),
        {"since=", "since must be a Unix time in whole seconds"},
        {"since=-1", "since must be a Unix time in whole seconds"},
        {"since=1.5", "since must be a Unix time in whole seconds"},
        {"since=10000000000", "since must be a Unix time in whole seconds"},
        {"from=", "from must not be empty"},
        {"subject=", "subject must not be empty"},
        {"view=full", "view must be summary, or left out"}}) {
    same(ask(setup, "GET", std::string("/emails/bob?") + query),
         (std::string("400 {\"error\":\"") + error + "\"}").c_str());
  }
  same(setup.asked, "");
}

TEST(a_bad_argument_is_named) {
  Setup setup;
  for (const char* limit : {"", "0", "1001", "-1", "+1", "1x", " 1", "99999999999999999999"}) {
    same(ask(setup, "GET", std::string("/emails/bob?limit=") + limit),
         "400 {\"error\":\"limit must be a number from 1 to 1000\"}");
  }
  same(ask(setup, "GET", "/emails/bob?before=5"),
       "400 {\"error\":\"before must be the id of a mail: 19 digits\"}");
  same(ask(setup, "GET", "/emails/bob?sort=up"),
       "400 {\"error\":\"unknown query parameter \\\"sort\\\"; there are limit, before, after, "
       "since, from, subject, view and wait\"}");
  same(ask(setup, "DELETE", "/emails/bob?before=1700000001000000007"),
       "400 {\"error\":\"DELETE takes no query parameters\"}");
  same(setup.asked, "");
}

TEST(clearing_says_so) {
  Setup setup;
  same(ask(setup, "DELETE", "/emails/bob"),
       "200 {\"message\":\"All messages for bob have been cleared\"}");
  same(setup.asked, "clear bob");
}

TEST(a_store_that_is_away_is_503) {
  for (const char* method : {"GET", "DELETE"}) {
    Setup setup;
    setup.redis_away = true;
    const Response response = answer_of(setup, method, "/emails/bob");
    assert_int_equal(response.status, 503);
    same(response.body, "{\"error\":\"mail store is not available, try again later\"}");
    same(header(response, "Retry-After"), "5;");
  }
}

}  // namespace
