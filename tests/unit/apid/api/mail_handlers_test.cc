// SPDX-License-Identifier: ISC
// Routes of one mail: JSON, raw form, attachments, deletion.
#include "apid/api/mail_handlers.h"

#include "apid/api/fakes.h"
#include "shared/base/file.h"
#include "shared/base/unique_fd.h"

namespace {

constexpr const char* kMailPath = "/emails/Bob/1700000002000000003";

TEST(a_mail_is_its_element_of_the_list_and_its_details) {
  Setup setup;
  setup.mail = {{1700000002000, 3},
                "\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\"\n\"size\":1",
                "\"body_text\":\"t\",\"body_html\":\"\",\"attachments\":[]",
                {}};
  same(ask(setup, "GET", kMailPath),
       "200 {\"id\":\"1700000002000000003\",\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\","
       "\"body_text\":\"t\",\"body_html\":\"\",\"attachments\":[],\"received_at\":1700000002}");
  same(setup.asked, "get bob 1700000002000000003");
  setup.mail->details = "\"size\":1,\"headers\":[]";
  same(ask(setup, "HEAD", "/emails/bob@example.org/latest"),
       "200 {\"id\":\"1700000002000000003\",\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\","
       "\"body_text\":\"t\",\"body_html\":\"\",\"attachments\":[],\"size\":1,\"headers\":[],"
       "\"received_at\":1700000002}");
  same(setup.asked, "get bob latest");
}

// A zstd frame that holds two empty fragments and "Subject: a\r\n\r\n\0\n" behind them.
constexpr std::string_view kFrame("\x28\xB5\x2F\xFD\x20\x12\x91\x00\x00\n\nSubject: a\r\n\r\n\0\n",
                                  27);

TEST(a_raw_mail_is_a_download_of_its_bytes) {
  Setup setup;
  setup.raw = {{1700000002000, 3}, std::string(kFrame)};
  const Response response = answer_of(setup, "GET", "/emails/bob/latest/raw");
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

TEST(a_raw_mail_that_cannot_be_read_is_500) {
  Setup setup;
  setup.raw = {{1700000002000, 3}, std::string(kFrame.substr(0, 20))};
  assert_int_equal(status_of(setup, "GET", "/emails/bob/latest/raw"), 500);
}

TEST(a_raw_mail_that_is_not_there_is_404) {
  Setup setup;
  const Request request = make_request("GET", std::string(kMailPath) + "/raw");
  same(ask(setup, request), "404 {\"error\":\"no such message\"}");
  same(setup.asked, "raw bob 1700000002000000003");
  setup.redis_away = true;
  assert_int_equal(status_of(setup, request), 503);
  assert_int_equal(status_of(setup, "GET", "/emails/bob/7/raw"), 400);
  assert_int_equal(status_of(setup, "GET", "/emails/b/latest/raw?a"), 400);
}

Request with_field(Request request, std::string_view name, std::string value) {
  request.fields[name] = std::move(value);
  return request;
}

TEST(a_raw_mail_is_given_in_part_or_not_at_all_where_that_is_asked_for) {
  Setup setup;
  setup.raw = {{1700000002000, 3}, std::string(kFrame)};
  const Request request = make_request("GET", "/emails/bob/latest/raw");
  same(header(answer_of(setup, request), "ETag"), "\"1700000002000000003\";");
  const Response part = answer_of(setup, with_field(request, "range", "bytes=9-9"));
  assert_int_equal(part.status, 206);
  same(part.body, "a");
  same(header(part, "Content-Range"), "bytes 9-9/16;");
  const Request again = with_field(request, "if-none-match", "\"1700000002000000003\"");
  assert_int_equal(status_of(setup, again), 304);
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

parser::ExtractedAttachment attachment_of(std::string_view bytes) {
  auto fd = make_sealed_memfd("test", "a.pdf" + std::string(bytes));
  return {.name = "a.pdf",
          .type = "application/pdf",
          .fd = std::make_shared<const UniqueFd>(*std::move(fd)),
          .offset = 5,
          .size = bytes.size()};
}

TEST(an_attachment_is_a_download_of_its_bytes) {
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
  assert_int_equal(status_of(setup, again), 304);
}

TEST(an_attachment_that_cannot_be_had_says_why) {
  Setup setup;
  const Request request = make_request("GET", std::string(kMailPath) + "/attachments/3");
  same(ask(setup, request), "404 {\"error\":\"no such message\"}");
  setup.raw = {{1700000002000, 3}, std::string(kFrame)};
  setup.extraction = parser::NoSuchAttachment{2};
  same(ask(setup, request), "404 {\"error\":\"no such attachment; the message has 2\"}");
  setup.extraction = parser::Failure::kFailed;
  assert_int_equal(status_of(setup, request), 500);
  setup.extraction = parser::Failure::kUnavailable;
  assert_int_equal(status_of(setup, request), 503);
  setup.extracted.clear();
  setup.raw->compressed.resize(20);
  assert_int_equal(status_of(setup, request), 500);
  setup.redis_away = true;
  assert_int_equal(status_of(setup, request), 503);
  same(setup.extracted, "");
}

constexpr const char* kSummary =
    "\"from\":\"Ann@b\",\"to\":\"b\",\"subject\":\"S\"\n\"size\":1,\"snippet\":\"t\","
    "\"attachments\":2";

TEST(the_latest_mail_that_fits_is_found_by_the_list) {
  Setup setup;
  same(ask(setup, "GET", "/emails/bob/latest?from=ann&since=5"),
       "404 {\"error\":\"no such message\"}");
  same(setup.asked, "list bob 1 since 5 without bodies");
  assert_true(setup.fits(kSummary));
  assert_false(setup.fits("\"from\":\"a\""));
  setup.page.mails.push_back({{1700000002000, 3}, kSummary, {}});
  setup.mail.emplace();
  assert_int_equal(status_of(setup, "GET", "/emails/bob/latest?from=a"), 200);
  same(setup.asked, "get bob 1700000002000000003");
  setup.raw = {{1700000002000, 3}, std::string(kFrame)};
  const Request raw = make_request("GET", "/emails/bob/latest/raw?after=1700000001000000007");
  assert_int_equal(status_of(setup, raw), 200);
  same(setup.asked, "raw bob 1700000002000000003");
  setup.redis_away = true;
  assert_int_equal(status_of(setup, raw), 503);
}

TEST(the_latest_mail_has_no_page) {
  Setup setup;
  for (const char* query : {"limit=1", "before=1700000001000000007", "view=summary", "a"}) {
    const Response response = answer_of(setup, "GET", std::string("/emails/bob/latest?") + query);
    assert_int_equal(response.status, 400);
    assert_true(response.body.ends_with("; there are after, since, from, subject and wait\"}"));
  }
  assert_int_equal(status_of(setup, "GET", "/emails/b/latest?since=x"), 400);
  same(setup.asked, "");
}

TEST(one_mail_is_deleted_by_its_id) {
  Setup setup;
  same(ask(setup, "DELETE", kMailPath), "404 {\"error\":\"no such message\"}");
  setup.mail.emplace();
  same(ask(setup, "DELETE", kMailPath),
       "200 {\"message\":\"Message 1700000002000000003 has been deleted\"}");
  same(setup.asked, "remove bob 1700000002000000003");
  setup.redis_away = true;
  assert_int_equal(status_of(setup, "DELETE", kMailPath), 503);
}

TEST(the_latest_mail_is_not_deleted) {
  Setup setup;
  same(
      ask(setup, "DELETE", "/emails/bob/latest"),
      "400 {\"error\":\"DELETE takes the id of a message, not latest: which one that is may change "
      "meanwhile\"}");
  assert_int_equal(status_of(setup, "DELETE", "/emails/bob/7"), 400);
  assert_int_equal(status_of(setup, "DELETE", std::string(kMailPath) + "?before=1"), 400);
  same(setup.asked, "");
}

TEST(a_mail_that_is_not_there_is_404) {
  Setup setup;
  same(ask(setup, "GET", kMailPath), "404 {\"error\":\"no such message\"}");
  setup.redis_away = true;
  assert_int_equal(status_of(setup, "GET", kMailPath), 503);
}

}  // namespace
