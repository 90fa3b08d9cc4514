// SPDX-License-Identifier: ISC
// The API's answers, with mailboxes that live in the test.
#include "apid/api/api.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apid/http/connection.h"
#include "apid/public/redirect.h"
#include "shared/net/event_loop.h"
#include "shared/worker/context.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::apid;
using std::chrono::milliseconds;

std::unexpected<Error> away() { return fail(ErrorKind::kUnavailable, "away"); }

struct StoredRaw {
  MailId id;
  std::string compressed;
  std::uint64_t size = 0;
};

struct Setup {
  Config config;
  std::vector<RateTable::Word> words = std::vector<RateTable::Word>(64);
  bool redis_away = false;
  Page page;
  std::optional<StoredMail> mail;
  std::optional<StoredRaw> raw;
  MimeClient::Extraction extraction;
  std::string extracted;  // "NUMBER MAIL", as mimed was asked
  // The last one: "list KEY LIMIT BEFORE", "clear KEY", or "get", "raw" or "remove", "KEY ID".
  std::string asked;
  std::function<bool(std::string_view)> fits;  // of the last list

  Setup() {
    config.domain = {"example.com", "example.org"};
    config.api_key = {"first-key", "second-key-that-is-longer"};
    config.page_size_limit = 4096;
  }

  Mailboxes mailboxes() {
    return {.list =
                [this](std::string_view key, const ListQuery& query,
                       std::function<void(Result<Page>)> done) {
                  asked = "list " + std::string(key) + " " + std::to_string(query.limit);
                  if (query.before) asked += " " + query.before->text();
                  if (query.after) asked += " after " + query.after->text();
                  if (query.since) asked += " since " + std::to_string(query.since->count());
                  if (!query.with_bodies) asked += " without bodies";
                  fits = query.fits;
                  if (redis_away) return done(away());
                  done(page);
                },
            .clear =
                [this](std::string_view key, std::function<void(Result<void>)> done) {
                  asked = "clear " + std::string(key);
                  if (redis_away) return done(away());
                  done({});
                },
            .get =
                [this](std::string_view key, std::optional<MailId> id,
                       std::function<void(Result<std::optional<StoredMail>>)> done) {
                  asked = "get " + std::string(key) + " " + (id ? id->text() : "latest");
                  if (redis_away) return done(away());
                  done(mail);
                },
            .get_raw =
                [this](std::string_view key, std::optional<MailId> id,
                       const MailStore::TakePiece& take, std::function<void(Result<bool>)> done) {
                  asked = "raw " + std::string(key) + " " + (id ? id->text() : "latest");
                  if (redis_away) return done(away());
                  if (!raw) return done(false);
                  std::string_view rest = raw->compressed;
                  while (!rest.empty() && take({raw->id, raw->size}, rest.substr(0, 20))) {
                    rest.remove_prefix(std::min<std::size_t>(rest.size(), 20));
                  }
                  done(true);
                },
            .remove =
                [this](std::string_view key, MailId id, std::function<void(Result<bool>)> done) {
                  asked = "remove " + std::string(key) + " " + id.text();
                  if (redis_away) return done(away());
                  done(mail.has_value());
                },
            .ping =
                [this](std::function<void(Result<void>)> done) {
                  asked = "ping";
                  if (redis_away) return done(away());
                  done({});
                },
            .extract =
                [this](const FileBody& file, std::uint64_t number, MimeClient::ExtractDone done) {
                  extracted = std::to_string(number) + " " + read_all(file.fd->get()).value_or("-");
                  done(extraction);
                }};
  }
};

Request make_request(std::string method, std::string target, std::string key = "first-key") {
  Request request;
  request.method = std::move(method);
  read_target(request, target);
  request.api_key = std::move(key);
  request.client = {"192.0.2.1", "192.0.2.1"};
  return request;
}

Response answer_of(Setup& setup, const Request& request) {
  const EventLoop loop;
  Api api(setup.config, setup.mailboxes(), RateTable(setup.words, {1, 2}), loop.base(),
          {.tally = {}, .metrics = [] { return std::string("counted 1\n"); }});
  Response answer{.status = 0, .headers = {}, .body = {}};
  api.handle(request, milliseconds{1000}, [&](Response given) { answer = std::move(given); });
  return answer;
}

// "STATUS BODY".
std::string ask(Setup& setup, const Request& request) {
  const Response answer = answer_of(setup, request);
  return std::to_string(answer.status) + " " + answer.body;
}

std::string header(const Response& response, std::string_view name) {
  std::string all;
  for (const auto& [key, value] : response.headers) {
    if (key == name) all += value + ";";
  }
  return all;
}

void same(const std::string& got, const char* wanted) { assert_string_equal(got.c_str(), wanted); }

void an_empty_inbox_is_an_empty_array(void**) {
  Setup setup;
  same(ask(setup, make_request("GET", "/emails/bob")), "200 []");
  same(setup.asked, "list bob 50");
}

void mails_are_listed_in_the_order_of_the_store(void**) {
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
  same(ask(setup, make_request("GET", "/emails/bob")), wanted);
}

void a_next_page_is_linked(void**) {
  Setup setup;
  setup.page.next = MailId{1700000001000, 7};
  const Response response = answer_of(setup, make_request("GET", "/emails/a%3Eb>?limit=2"));
  same(header(response, "Link"),
       "</emails/a%3Eb%3E?limit=2&before=1700000001000000007>; rel=\"next\";");
  same(setup.asked, "list a%3Eb%3E 2");
}

void a_last_page_has_no_link(void**) {
  Setup setup;
  same(header(answer_of(setup, make_request("GET", "/emails/bob")), "Link"), "");
}

void limit_and_before_reach_the_store(void**) {
  Setup setup;
  ask(setup, make_request("GET", "/emails/bob?limit=1000&before=1700000001000000007"));
  same(setup.asked, "list bob 1000 1700000001000000007");
}

constexpr const char* kSummary =
    "\"from\":\"Ann@b\",\"to\":\"b\",\"subject\":\"S\"\n\"size\":1,\"snippet\":\"t\","
    "\"attachments\":2";

void bounds_and_filters_reach_the_store(void**) {
  Setup setup;
  ask(setup, make_request("GET", "/emails/bob?after=1700000001000000007&since=1700000001"));
  same(setup.asked, "list bob 50 after 1700000001000000007 since 1700000001");
  assert_false(static_cast<bool>(setup.fits));
  for (const auto& [query, wanted] : {std::pair("from=ann%40", true),
                                      {"from=bob", false},
                                      {"subject=s&from=B", true},
                                      {"subject=a", false}}) {
    ask(setup, make_request("GET", std::string("/emails/bob?") + query));
    assert_int_equal(setup.fits(kSummary), wanted);
  }
}

void a_summary_has_no_bodies(void**) {
  Setup setup;
  setup.page.mails.push_back({{1700000002000, 0}, kSummary, {}});
  setup.page.mails.push_back({{1700000001000, 0}, "\"from\":\"a\"", {}});
  same(ask(setup, make_request("GET", "/emails/bob?view=summary")),
       "200 [{\"id\":\"1700000002000000000\",\"from\":\"Ann@b\",\"to\":\"b\",\"subject\":\"S\","
       "\"size\":1,\"snippet\":\"t\",\"attachments\":2,\"received_at\":1700000002},"
       "{\"id\":\"1700000001000000000\",\"from\":\"a\",\"received_at\":1700000001}]");
  same(setup.asked, "list bob 50 without bodies");
}

void the_link_keeps_every_parameter(void**) {
  Setup setup;
  setup.page.next = MailId{1700000001000, 7};
  const Response response = answer_of(
      setup, make_request("GET",
                          "/emails/bob?from=a%2Bb@c&before=1700000009000000000&view=summary"
                          "&subject=a+%26%22%C3%A9~&since=5&after=0000000000000000001"));
  same(header(response, "Link"),
       "</emails/bob?limit=50&before=1700000001000000007&from=a%2Bb%40c&view=summary"
       "&subject=a%20%26%22%C3%A9~&since=5&after=0000000000000000001>; rel=\"next\";");
}

void a_bad_filter_is_named(void**) {
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
    same(ask(setup, make_request("GET", std::string("/emails/bob?") + query)),
         (std::string("400 {\"error\":\"") + error + "\"}").c_str());
  }
  same(setup.asked, "");
}

void a_bad_argument_is_named(void**) {
  Setup setup;
  for (const char* limit : {"", "0", "1001", "-1", "+1", "1x", " 1", "99999999999999999999"}) {
    same(ask(setup, make_request("GET", std::string("/emails/bob?limit=") + limit)),
         "400 {\"error\":\"limit must be a number from 1 to 1000\"}");
  }
  same(ask(setup, make_request("GET", "/emails/bob?before=5")),
       "400 {\"error\":\"before must be the id of a mail: 19 digits\"}");
  same(ask(setup, make_request("GET", "/emails/bob?sort=up")),
       "400 {\"error\":\"unknown query parameter \\\"sort\\\"; there are limit, before, after, "
       "since, from, subject, view and wait\"}");
  same(ask(setup, make_request("DELETE", "/emails/bob?before=1700000001000000007")),
       "400 {\"error\":\"DELETE takes no query parameters\"}");
  same(setup.asked, "");
}

void clearing_says_so(void**) {
  Setup setup;
  same(ask(setup, make_request("DELETE", "/emails/bob")),
       "200 {\"message\":\"All messages for bob have been cleared\"}");
  same(setup.asked, "clear bob");
}

constexpr const char* kMailPath = "/emails/Bob/1700000002000000003";

void a_mail_is_its_element_of_the_list_and_its_details(void**) {
  Setup setup;
  setup.mail = {{1700000002000, 3},
                "\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\"\n\"size\":1",
                "\"body_text\":\"t\",\"body_html\":\"\",\"attachments\":[]",
                {}};
  same(ask(setup, make_request("GET", kMailPath)),
       "200 {\"id\":\"1700000002000000003\",\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\","
       "\"body_text\":\"t\",\"body_html\":\"\",\"attachments\":[],\"received_at\":1700000002}");
  same(setup.asked, "get bob 1700000002000000003");
  setup.mail->details = "\"size\":1,\"headers\":[]";
  same(ask(setup, make_request("HEAD", "/emails/bob@example.org/latest")),
       "200 {\"id\":\"1700000002000000003\",\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\","
       "\"body_text\":\"t\",\"body_html\":\"\",\"attachments\":[],\"size\":1,\"headers\":[],"
       "\"received_at\":1700000002}");
  same(setup.asked, "get bob latest");
}

// A zstd frame that holds two empty fragments and "Subject: a\r\n\r\n\0\n" behind them.
constexpr std::string_view kFrame("\x28\xB5\x2F\xFD\x20\x12\x91\x00\x00\n\nSubject: a\r\n\r\n\0\n",
                                  27);

void a_raw_mail_is_a_download_of_its_bytes(void**) {
  Setup setup;
  setup.raw = {{1700000002000, 3}, std::string(kFrame)};
  const Response response = answer_of(setup, make_request("GET", "/emails/bob/latest/raw"));
  assert_int_equal(response.status, 200);
  assert_true(response.body == kFrame.substr(11));
  same(header(response, "Content-Type"), "message/rfc822;");
  same(header(response, "Content-Disposition"),
       "attachment; filename=\"1700000002000000003.eml\";");
  same(header(response, "Content-Security-Policy"), "default-src 'none'; sandbox;");
  same(header(response, "Cache-Control"), "no-store;");
  same(header(response, "X-Content-Type-Options"), "nosniff;");
  same(setup.asked, "raw bob latest");
}

void a_raw_mail_that_cannot_be_read_is_500(void**) {
  Setup setup;
  setup.raw = {{1700000002000, 3}, std::string(kFrame.substr(0, 20))};
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/bob/latest/raw")).status, 500);
}

void a_raw_mail_that_is_not_there_is_404(void**) {
  Setup setup;
  const Request request = make_request("GET", std::string(kMailPath) + "/raw");
  same(ask(setup, request), "404 {\"error\":\"no such message\"}");
  same(setup.asked, "raw bob 1700000002000000003");
  setup.redis_away = true;
  assert_int_equal(answer_of(setup, request).status, 503);
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/bob/7/raw")).status, 400);
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/b/latest/raw?a")).status, 400);
}

Request with_field(Request request, std::string_view name, std::string value) {
  request.fields[name] = std::move(value);
  return request;
}

void a_raw_mail_is_given_in_part_or_not_at_all_where_that_is_asked_for(void**) {
  Setup setup;
  setup.raw = {{1700000002000, 3}, std::string(kFrame)};
  const Request request = make_request("GET", "/emails/bob/latest/raw");
  same(header(answer_of(setup, request), "ETag"), "\"1700000002000000003\";");
  const Response part = answer_of(setup, with_field(request, "range", "bytes=9-9"));
  assert_int_equal(part.status, 206);
  same(part.body, "a");
  same(header(part, "Content-Range"), "bytes 9-9/16;");
  const Request again = with_field(request, "if-none-match", "\"1700000002000000003\"");
  assert_int_equal(answer_of(setup, again).status, 304);
}

// "STATUS BODY", where a file is read.
std::string downloaded(const Response& response) {
  std::string body = response.body;
  if (response.file) {
    body = read_all(response.file->fd->get())
               .value_or("-")
               .substr(response.file->offset, response.file->size);
  }
  return std::to_string(response.status) + " " + body;
}

ExtractedAttachment attachment_of(std::string_view bytes) {
  auto fd = make_sealed_memfd("test", "a.pdf" + std::string(bytes));
  return {.name = "a.pdf",
          .type = "application/pdf",
          .fd = std::make_shared<const UniqueFd>(*std::move(fd)),
          .offset = 5,
          .size = bytes.size()};
}

void an_attachment_is_a_download_of_its_bytes(void**) {
  Setup setup;
  setup.raw = {{1700000002000, 3}, std::string(kFrame), 4};
  setup.extraction = attachment_of("PDF bytes");
  const Request request = make_request("GET", "/emails/bob/latest/attachments/12");
  const Response response = answer_of(setup, request);
  same(downloaded(response), "200 PDF bytes");
  assert_same(setup.extracted, "12 " + std::string(kFrame.substr(11 + 12)));
  same(setup.asked, "raw bob latest");
  same(header(response, "Content-Type"), "application/pdf;");
  same(header(response, "Content-Disposition"),
       "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf;");
  same(header(response, "Content-Security-Policy"), "default-src 'none'; sandbox;");
  same(header(response, "Cache-Control"), "no-store;");
  same(header(response, "X-Content-Type-Options"), "nosniff;");
  same(header(response, "ETag"), "\"1700000002000000003-12\";");
  same(downloaded(answer_of(setup, with_field(request, "range", "bytes=-5"))), "206 bytes");
  const Request again = with_field(request, "if-none-match", "\"1700000002000000003-12\"");
  assert_int_equal(answer_of(setup, again).status, 304);
}

void an_attachment_that_cannot_be_had_says_why(void**) {
  Setup setup;
  const Request request = make_request("GET", std::string(kMailPath) + "/attachments/3");
  same(ask(setup, request), "404 {\"error\":\"no such message\"}");
  setup.raw = {{1700000002000, 3}, std::string(kFrame)};
  setup.extraction = NoSuchAttachment{2};
  same(ask(setup, request), "404 {\"error\":\"no such attachment; the message has 2\"}");
  setup.extraction = MimeFailure::kFailed;
  assert_int_equal(answer_of(setup, request).status, 500);
  setup.extraction = MimeFailure::kUnavailable;
  assert_int_equal(answer_of(setup, request).status, 503);
  setup.extracted.clear();
  setup.raw->compressed.resize(20);
  assert_int_equal(answer_of(setup, request).status, 500);
  setup.redis_away = true;
  assert_int_equal(answer_of(setup, request).status, 503);
  same(setup.extracted, "");
}

void attachments_have_numbers_from_one(void**) {
  Setup setup;
  for (const char* number : {"0", "a.pdf", "-1", "+1", "1x", "%31", "18446744073709551616"}) {
    const Request request =
        make_request("GET", std::string("/emails/bob/latest/attachments/") + number);
    assert_int_equal(answer_of(setup, request).status, 400);
  }
  same(
      ask(setup, make_request("GET", "/emails/bob/latest/attachments/%22a")),
      "400 {\"error\":\"attachments are numbered from 1: \\\"\\\\\\\"a\\\" is no number of one\"}");
  same(setup.asked, "");
}

void the_latest_mail_that_fits_is_found_by_the_list(void**) {
  Setup setup;
  same(ask(setup, make_request("GET", "/emails/bob/latest?from=ann&since=5")),
       "404 {\"error\":\"no such message\"}");
  same(setup.asked, "list bob 1 since 5 without bodies");
  assert_true(setup.fits(kSummary));
  assert_false(setup.fits("\"from\":\"a\""));
  setup.page.mails.push_back({{1700000002000, 3}, kSummary, {}});
  setup.mail.emplace();
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/bob/latest?from=a")).status, 200);
  same(setup.asked, "get bob 1700000002000000003");
  setup.raw = {{1700000002000, 3}, std::string(kFrame)};
  const Request raw = make_request("GET", "/emails/bob/latest/raw?after=1700000001000000007");
  assert_int_equal(answer_of(setup, raw).status, 200);
  same(setup.asked, "raw bob 1700000002000000003");
  setup.redis_away = true;
  assert_int_equal(answer_of(setup, raw).status, 503);
}

void the_latest_mail_has_no_page(void**) {
  Setup setup;
  for (const char* query : {"limit=1", "before=1700000001000000007", "view=summary", "a"}) {
    const Response response =
        answer_of(setup, make_request("GET", std::string("/emails/bob/latest?") + query));
    assert_int_equal(response.status, 400);
    assert_true(response.body.ends_with("; there are after, since, from, subject and wait\"}"));
  }
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/b/latest?since=x")).status, 400);
  same(setup.asked, "");
}

void one_mail_is_deleted_by_its_id(void**) {
  Setup setup;
  same(ask(setup, make_request("DELETE", kMailPath)), "404 {\"error\":\"no such message\"}");
  setup.mail.emplace();
  same(ask(setup, make_request("DELETE", kMailPath)),
       "200 {\"message\":\"Message 1700000002000000003 has been deleted\"}");
  same(setup.asked, "remove bob 1700000002000000003");
  setup.redis_away = true;
  assert_int_equal(answer_of(setup, make_request("DELETE", kMailPath)).status, 503);
}

void the_latest_mail_is_not_deleted(void**) {
  Setup setup;
  same(
      ask(setup, make_request("DELETE", "/emails/bob/latest")),
      "400 {\"error\":\"DELETE takes the id of a message, not latest: which one that is may change "
      "meanwhile\"}");
  assert_int_equal(answer_of(setup, make_request("DELETE", "/emails/bob/7")).status, 400);
  assert_int_equal(
      answer_of(setup, make_request("DELETE", std::string(kMailPath) + "?before=1")).status, 400);
  same(setup.asked, "");
}

void a_mail_that_is_not_there_is_404(void**) {
  Setup setup;
  same(ask(setup, make_request("GET", kMailPath)), "404 {\"error\":\"no such message\"}");
  setup.redis_away = true;
  assert_int_equal(answer_of(setup, make_request("GET", kMailPath)).status, 503);
}

void what_is_no_id_is_400(void**) {
  Setup setup;
  for (const char* id : {"1", "17000000020000000030", "170000000200000000x", "Latest", "%31",
                         "99999999999999999999", "1700000002000-3", "-700000002000000003"}) {
    same(ask(setup, make_request("GET", std::string("/emails/bob/") + id)),
         "400 {\"error\":\"the id of a message is 19 digits, or latest\"}");
  }
  same(ask(setup, make_request("GET", std::string(kMailPath) + "?limit=1")),
       "400 {\"error\":\"a single message takes no query parameters\"}");
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/b%00/latest")).status, 400);
  same(setup.asked, "");
}

void a_mailbox_has_one_name_in_any_case_and_as_an_address(void**) {
  for (const char* path : {"/emails/Bob", "/emails/BOB@Example.COM", "/emails/bob%40example.org"}) {
    Setup setup;
    same(ask(setup, make_request("DELETE", path)),
         "200 {\"message\":\"All messages for bob have been cleared\"}");
    same(setup.asked, "clear bob");
  }
}

void an_address_elsewhere_is_not_found(void**) {
  Setup setup;
  same(ask(setup, make_request("GET", "/emails/bob@evil.net")),
       "404 {\"error\":\"this server keeps no mail for the domain \\\"evil.net\\\"; it does for "
       "example.com\"}");
}

void a_bad_mailbox_name_is_refused(void**) {
  Setup setup;
  for (const char* path : {"/emails/a%00b", "/emails/a%zz", "/emails/%ff", "/emails/@example.com",
                           "/emails/a@", "/emails/a@b@example.com"}) {
    assert_int_equal(answer_of(setup, make_request("GET", path)).status, 400);
  }
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/" + std::string(65, 'a'))).status,
                   400);
  same(setup.asked, "");
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/" + std::string(64, 'a'))).status,
                   200);
}

void a_store_that_is_away_is_503(void**) {
  for (const char* method : {"GET", "DELETE"}) {
    Setup setup;
    setup.redis_away = true;
    const Response response = answer_of(setup, make_request(method, "/emails/bob"));
    assert_int_equal(response.status, 503);
    same(response.body, "{\"error\":\"mail store is not available, try again later\"}");
    same(header(response, "Retry-After"), "5;");
  }
}

void every_configured_key_opens(void**) {
  for (const char* key : {"first-key", "second-key-that-is-longer"}) {
    Setup setup;
    same(ask(setup, make_request("GET", "/emails/bob", key)), "200 []");
  }
}

void nothing_else_opens(void**) {
  const std::string long_key(300, 'x');
  for (const std::string& key :
       {std::string(), std::string("first-ke"), std::string("first-keyy"), std::string("First-key"),
        std::string("first-key\0", 10), std::string("first-key") + std::string(100, '\0'),
        std::string("first-key second-key-that-is-longer"), long_key}) {
    Setup setup;
    const Response response = answer_of(setup, make_request("GET", "/emails/bob", key));
    assert_int_equal(response.status, 401);
    same(response.body, "{\"error\":\"invalid API key\"}");
    same(setup.asked, "");
  }
}

void a_key_may_stand_as_its_hash(void**) {
  Setup setup;
  // printf %s first-key | sha256sum
  setup.config.api_key = {
      "sha256:9e24b55356ef2a121ab5fd1a3ee8a3c9191e837f3853e399a369e9044ff183f7"};
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/bob")).status, 200);
  for (const std::string& wrong : {setup.config.api_key.front(), std::string("second-key"),
                                   setup.config.api_key.front().substr(7)}) {
    assert_int_equal(answer_of(setup, make_request("GET", "/emails/bob", wrong)).status, 401);
  }
}

void who_is_wrong_too_often_has_to_wait(void**) {
  Setup setup;
  setup.config.api_key_failure_limit = 2;
  const Request right = make_request("GET", "/emails/bob");
  const Request wrong = make_request("GET", "/emails/bob", "bad");
  Request other = right;
  other.client.rate_key = "192.0.2.77";
  for (int i = 0; i < 5; ++i) {  // no key is no guess
    assert_int_equal(answer_of(setup, make_request("GET", "/emails/bob", "")).status, 401);
  }
  assert_int_equal(answer_of(setup, wrong).status, 401);
  assert_int_equal(answer_of(setup, right).status, 200);
  assert_int_equal(answer_of(setup, wrong).status, 401);
  const Response response = answer_of(setup, right);
  assert_int_equal(response.status, 429);
  same(response.body, "{\"error\":\"too many wrong API keys from this address\"}");
  assert_true(std::stoi(header(response, "Retry-After")) >= 59);
  assert_int_equal(answer_of(setup, wrong).status, 429);
  assert_int_equal(answer_of(setup, other).status, 200);
  assert_int_equal(answer_of(setup, make_request("GET", "/healthz", "")).status, 200);
}

void checks_come_in_their_order(void**) {
  Setup setup;
  setup.config.api_rate_limit = 5;
  assert_int_equal(answer_of(setup, make_request("PUT", "/nope", "bad")).status, 401);
  assert_int_equal(answer_of(setup, make_request("PUT", "/nope")).status, 404);
  assert_int_equal(answer_of(setup, make_request("PUT", "/emails/%zz?x")).status, 405);
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/%zz?x")).status, 400);
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/a")).status, 200);
  assert_int_equal(answer_of(setup, make_request("PUT", "/nope", "bad")).status, 429);
}

void a_refused_method_names_the_others(void**) {
  Setup setup;
  same(header(answer_of(setup, make_request("PUT", "/emails/a")), "Allow"),
       "GET, HEAD, DELETE, OPTIONS;");
}

void the_rate_limit_is_told_on_every_answer(void**) {
  Setup setup;
  setup.config.api_rate_limit = 2;
  Response response = answer_of(setup, make_request("GET", "/emails/bob"));
  same(header(response, "RateLimit-Limit"), "2;");
  same(header(response, "RateLimit-Remaining"), "1;");
  assert_true(std::stoi(header(response, "RateLimit-Reset")) >= 60);
  response = answer_of(setup, make_request("GET", "/emails/bob", "bad"));
  same(header(response, "RateLimit-Remaining"), "0;");
  response = answer_of(setup, make_request("GET", "/emails/bob"));
  assert_int_equal(response.status, 429);
  same(response.body, "{\"error\":\"rate limit exceeded\"}");
  same(header(response, "Retry-After"), header(response, "RateLimit-Reset").c_str());
}

void no_rate_limit_is_not_told(void**) {
  Setup setup;
  same(header(answer_of(setup, make_request("GET", "/emails/bob")), "RateLimit-Limit"), "");
}

constexpr const char* kPolicyPath = "/.well-known/mta-sts.txt";

void a_policy_is_told_to_anyone(void**) {
  Setup setup;
  setup.config.hostname = "mail.example.com";
  setup.config.mta_sts = MtaSts::kEnforce;
  const Response response = answer_of(setup, make_request("GET", kPolicyPath, ""));
  assert_int_equal(response.status, 200);
  same(header(response, "Content-Type"), "text/plain;");
  same(response.body,
       "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmax_age: 604800\r\n");
  setup.config.mta_sts = MtaSts::kTesting;
  same(ask(setup, make_request("HEAD", kPolicyPath, "bad")),
       "200 version: STSv1\r\nmode: testing\r\nmx: mail.example.com\r\nmax_age: 604800\r\n");
}

void without_a_policy_there_is_none(void**) {
  Setup setup;
  same(ask(setup, make_request("GET", kPolicyPath, "")),
       "404 {\"error\":\"there is no MTA-STS policy\"}");
}

void a_policy_opens_nothing_else(void**) {
  Setup setup;
  setup.config.mta_sts = MtaSts::kEnforce;
  for (const char* path : {"/.well-known/x", "/.well-known/mta-sts.txt/../../emails/bob"}) {
    assert_int_equal(answer_of(setup, make_request("GET", path, "")).status, 401);
  }
  assert_int_equal(answer_of(setup, make_request("DELETE", kPolicyPath, "")).status, 401);
  assert_int_equal(answer_of(setup, make_request("DELETE", kPolicyPath)).status, 405);
  same(setup.asked, "");
}

void a_policy_counts_for_the_rate_limit(void**) {
  Setup setup;
  setup.config.mta_sts = MtaSts::kEnforce;
  setup.config.api_rate_limit = 1;
  const Response response = answer_of(setup, make_request("GET", kPolicyPath, ""));
  assert_int_equal(response.status, 200);
  same(header(response, "RateLimit-Remaining"), "0;");
  assert_int_equal(answer_of(setup, make_request("GET", kPolicyPath, "")).status, 429);
}

void health_is_told_to_anyone_and_not_counted(void**) {
  Setup setup;
  setup.config.api_rate_limit = 1;
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/bob")).status, 200);
  assert_int_equal(answer_of(setup, make_request("GET", "/emails/bob")).status, 429);
  setup.asked.clear();
  const Response response = answer_of(setup, make_request("GET", "/healthz", ""));
  assert_int_equal(response.status, 200);
  same(response.body, "{\"status\":\"ok\"}");
  same(header(response, "RateLimit-Limit"), "");
  same(setup.asked, "");
  same(ask(setup, make_request("HEAD", "/readyz", "bad")), "200 {\"status\":\"ok\"}");
  same(setup.asked, "ping");
  setup.redis_away = true;
  same(ask(setup, make_request("GET", "/healthz", "")), "200 {\"status\":\"ok\"}");
  same(ask(setup, make_request("GET", "/readyz", "")),
       "503 {\"error\":\"mail store is not available, try again later\"}");
  assert_int_equal(answer_of(setup, make_request("POST", "/healthz", "")).status, 429);
}

void an_answer_is_json_that_nobody_keeps(void**) {
  Setup setup;
  const Response response = answer_of(setup, make_request("GET", "/nope"));
  same(header(response, "Content-Type"), "application/json; charset=utf-8;");
  same(header(response, "Cache-Control"), "no-store;");
  same(header(response, "X-Content-Type-Options"), "nosniff;");
}

std::string location(const char* host, const char* target, std::uint16_t port) {
  Request request = make_request("GET", target, "");
  request.host = host;
  return header(answer_in_clear(request, "mail.example.com", port), "Location");
}

void plain_http_is_sent_to_https(void**) {
  same(location("a.example.com", "/emails/b?limit=1", 443),
       "https://a.example.com/emails/b?limit=1;");
  same(location("a.example.com:8080", "/", 8443), "https://a.example.com:8443/;");
  same(location("[::1]:80", "/x", 443), "https://[::1]/x;");
}

void a_redirect_never_leads_where_the_host_is_none(void**) {
  same(location("", "/x", 443), "https://mail.example.com/x;");
  same(location("evil\r\nSet-Cookie: a", "/x", 443), "https://mail.example.com/x;");
  same(location("user@evil", "//evil", 443), "https://mail.example.com//evil;");
}

void a_key_in_clear_is_refused_and_not_led_on(void**) {
  for (const char* key : {"first-key", "bad"}) {
    const Response response =
        answer_in_clear(make_request("GET", "/emails/bob", key), "mail.example.com", 443);
    assert_int_equal(response.status, 403);
    same(header(response, "Location"), "");
    same(response.body,
         "{\"error\":\"the API key was sent over http, for all to read: replace it, and use "
         "https\"}");
  }
}

void metrics_want_the_key_in_either_of_two_fields(void**) {
  Setup setup;
  same(ask(setup, make_request("GET", "/metrics")), "200 counted 1\n");
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
    assert_int_equal(answer_of(setup, request).status, one.status);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(metrics_want_the_key_in_either_of_two_fields),
      cmocka_unit_test(an_empty_inbox_is_an_empty_array),
      cmocka_unit_test(mails_are_listed_in_the_order_of_the_store),
      cmocka_unit_test(a_next_page_is_linked),
      cmocka_unit_test(a_last_page_has_no_link),
      cmocka_unit_test(limit_and_before_reach_the_store),
      cmocka_unit_test(bounds_and_filters_reach_the_store),
      cmocka_unit_test(a_summary_has_no_bodies),
      cmocka_unit_test(the_link_keeps_every_parameter),
      cmocka_unit_test(a_bad_filter_is_named),
      cmocka_unit_test(a_bad_argument_is_named),
      cmocka_unit_test(clearing_says_so),
      cmocka_unit_test(a_mail_is_its_element_of_the_list_and_its_details),
      cmocka_unit_test(the_latest_mail_that_fits_is_found_by_the_list),
      cmocka_unit_test(the_latest_mail_has_no_page),
      cmocka_unit_test(one_mail_is_deleted_by_its_id),
      cmocka_unit_test(the_latest_mail_is_not_deleted),
      cmocka_unit_test(a_mail_that_is_not_there_is_404),
      cmocka_unit_test(a_raw_mail_is_a_download_of_its_bytes),
      cmocka_unit_test(a_raw_mail_that_cannot_be_read_is_500),
      cmocka_unit_test(a_raw_mail_that_is_not_there_is_404),
      cmocka_unit_test(a_raw_mail_is_given_in_part_or_not_at_all_where_that_is_asked_for),
      cmocka_unit_test(an_attachment_is_a_download_of_its_bytes),
      cmocka_unit_test(an_attachment_that_cannot_be_had_says_why),
      cmocka_unit_test(attachments_have_numbers_from_one),
      cmocka_unit_test(what_is_no_id_is_400),
      cmocka_unit_test(a_mailbox_has_one_name_in_any_case_and_as_an_address),
      cmocka_unit_test(an_address_elsewhere_is_not_found),
      cmocka_unit_test(a_bad_mailbox_name_is_refused),
      cmocka_unit_test(a_store_that_is_away_is_503),
      cmocka_unit_test(every_configured_key_opens),
      cmocka_unit_test(nothing_else_opens),
      cmocka_unit_test(a_key_may_stand_as_its_hash),
      cmocka_unit_test(who_is_wrong_too_often_has_to_wait),
      cmocka_unit_test(checks_come_in_their_order),
      cmocka_unit_test(a_refused_method_names_the_others),
      cmocka_unit_test(the_rate_limit_is_told_on_every_answer),
      cmocka_unit_test(no_rate_limit_is_not_told),
      cmocka_unit_test(a_policy_is_told_to_anyone),
      cmocka_unit_test(without_a_policy_there_is_none),
      cmocka_unit_test(a_policy_opens_nothing_else),
      cmocka_unit_test(a_policy_counts_for_the_rate_limit),
      cmocka_unit_test(health_is_told_to_anyone_and_not_counted),
      cmocka_unit_test(an_answer_is_json_that_nobody_keeps),
      cmocka_unit_test(plain_http_is_sent_to_https),
      cmocka_unit_test(a_redirect_never_leads_where_the_host_is_none),
      cmocka_unit_test(a_key_in_clear_is_refused_and_not_led_on),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
