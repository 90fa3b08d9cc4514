// SPDX-License-Identifier: ISC
// Fragments of JSON: escaping, and what a listing is joined of.
#include "shared/mail/message.h"

#include <cjson/cJSON.h>

#include <string>

#include "shared/base/c_ptr.h"
#include "testing.h"

namespace {

using namespace restante;
using JsonPtr = CPtr<cJSON, cJSON_Delete>;

mail::Message small_message() {
  mail::Message message;
  message.subject = "Hi \"you\"";
  message.body_text = "a\nb";
  message.body_html = "<p>a</p>";
  message.attachments = {{.name = "a.pdf",
                          .type = "application/pdf",
                          .size = 3,
                          .content_id = "id@x",
                          .disposition = "inline",
                          .sha256 = "ab"},
                         {.name = "b \\.txt", .type = "text/plain"}};
  message.size = 1234;
  message.snippet = "a b";
  return message;
}

TEST(a_message_becomes_fragments) {
  const mail::Fragments made = mail::make_fragments(small_message());
  assert_string_equal(made.summary.c_str(), R"("subject":"Hi \"you\"")"
                                            "\n"
                                            R"("size":1234,"snippet":"a b","attachments":2)");
  assert_string_equal(
      made.bodies.c_str(),
      R"("body_text":"a\nb","body_html":"<p>a</p>","attachments":["a.pdf","b \\.txt"])");
}

TEST(details_of_a_message_have_all_fields) {
  mail::Message message = small_message();
  message.message_id = "<1@x>";
  message.date = "today";
  message.headers = {{"Subject", "Hi \"you\""}, {"X", ""}};
  message.addresses.from = {{"Bob", "bob@x"}};
  message.addresses.cc = {{"", "c@x"}, {"D", "d@x"}};
  message.links = {{"https://x/?a&b", "here"}};
  message.codes = {"123456", "AB12"};
  assert_same(
      mail::make_fragments(message).details,
      R"("size":1234,"message_id":"<1@x>","date":"today",)"
      R"("headers":[{"name":"Subject","value":"Hi \"you\""},{"name":"X","value":""}],)"
      R"("addresses":{"from":[{"name":"Bob","address":"bob@x"}],"sender":[],"reply_to":[],)"
      R"("to":[],"cc":[{"name":"","address":"c@x"},{"name":"D","address":"d@x"}],"bcc":[]},)"
      R"("attachment_details":[{"number":1,"name":"a.pdf","type":"application/pdf","size":3,)"
      R"("content_id":"id@x","disposition":"inline","sha256":"ab"},)"
      R"({"number":2,"name":"b \\.txt","type":"text/plain","size":0,)"
      R"("content_id":null,"disposition":null,"sha256":""}],)"
      R"("links":[{"url":"https://x/?a&b","text":"here"}],"codes":["123456","AB12"])");
}

TEST(details_of_a_mail_that_was_not_parsed_are_empty_and_have_its_size) {
  assert_same(mail::make_fragments({.size = 7, .parse_error = true}).details,
              R"("size":7,"message_id":null,"date":null,"headers":[],)"
              R"("addresses":{"from":[],"sender":[],"reply_to":[],"to":[],"cc":[],"bcc":[]},)"
              R"("attachment_details":[],"links":[],"codes":[])");
}

TEST(the_envelope_stands_before_the_details) {
  const std::string transport =
      mail::transport_fragment({"192.0.2.1", "h\"x", "ESMTPS", "TLSv1.3", "TLS_AES"});
  const std::string summary =
      mail::envelope_fragment("s\",\"to\":@x", "a\",\"@y", "tag") + "\"subject\":";
  assert_same(mail::complete_details(summary, transport + "\"size\":1"),
              R"("envelope":{"from":"s\",\"to\":@x","to":"a\",\"@y","client_ip":"192.0.2.1",)"
              R"("helo":"h\"x","protocol":"ESMTPS",)"
              R"("tls":{"version":"TLSv1.3","cipher":"TLS_AES"}},"size":1)");
  assert_same(mail::complete_details(mail::envelope_fragment("", "a@y.test", "") + "\"subject\":",
                                     mail::transport_fragment({"::1", "h", "SMTP", "", ""})),
              R"("envelope":{"from":"","to":"a@y.test","client_ip":"::1","helo":"h",)"
              R"("protocol":"SMTP","tls":null},)");
  assert_same(mail::complete_details(summary, ""), "");
}

TEST(a_parse_error_is_said_in_both_fragments) {
  mail::Message message;
  message.parse_error = true;
  const mail::Fragments made = mail::make_fragments(message);
  assert_true(made.summary.ends_with(R"("attachments":0,"parse_error":true)"));
  assert_true(made.bodies.ends_with(R"("attachments":[],"parse_error":true)"));
}

TEST(every_ascii_character_comes_back_from_json) {
  std::string all;
  for (char c = 1; c < 0x7f; ++c) all += c;
  all += "\x7f \xC3\xA9 \xF0\x9F\x8E\x89";
  const std::string json = mail::json_string(all);
  const JsonPtr parsed(cJSON_Parse(json.c_str()));
  assert_non_null(parsed.get());
  assert_string_equal(cJSON_GetStringValue(parsed.get()), all.c_str());
  assert_int_equal(json.find('\n'), std::string::npos);
}

TEST(an_escape_may_stand_anywhere) {
  for (const char c : {'\x01', '\x1f', '\n', '"', '\\'}) {
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text(20, '\x7f');
      text[at] = c;
      for (const std::string& tried : {text, std::string(20, c), text.substr(at)}) {
        const JsonPtr item(cJSON_CreateString(tried.c_str()));
        const CPtr<char, cJSON_free> printed(cJSON_PrintUnformatted(item.get()));
        assert_same(mail::json_string(Exact(tried).view()), printed.get());
      }
    }
  }
}

TEST(only_the_first_half_of_a_summary_has_no_newline) {
  mail::Message message = small_message();
  message.subject = "one\ntwo";
  const mail::Fragments made = mail::make_fragments(message);
  assert_int_equal(made.summary.find('\n'), made.summary.rfind('\n'));
  assert_int_equal(made.bodies.find('\n'), std::string::npos);
}

TEST(a_long_subject_is_cut_in_a_summary) {
  std::string subject;
  while (subject.size() < 250'000) subject += "\xC3\xA9";
  const mail::Fragments made = mail::make_fragments({.subject = "x" + subject});
  assert_true(made.summary.starts_with("\"subject\":\"x" + subject.substr(0, 996) + "\"\n"));
  assert_int_equal(mail::make_fragments({.subject = "short"}).summary.find("short\""), 11);
}

TEST(a_listed_message_is_an_object_with_all_fields) {
  const mail::Fragments made = mail::make_fragments(small_message());
  const std::string summary =
      mail::envelope_fragment("s@x.test", "\"a b\"@example.com", "") + made.summary;
  std::string out;
  mail::append_listed_message(out, "1700000000000000001", 1700000000, summary, made.bodies);
  assert_string_equal(out.c_str(),
                      R"({"id":"1700000000000000001","from":"s@x.test","to":"\"a b\"@example.com",)"
                      R"("subject":"Hi \"you\"","body_text":"a\nb","body_html":"<p>a</p>",)"
                      R"("attachments":["a.pdf","b \\.txt"],"received_at":1700000000})");
}

TEST(a_tag_stands_beside_the_recipient) {
  assert_string_equal(mail::envelope_fragment("s@x.test", "a+b\"c@x.test", "b\"c").c_str(),
                      R"("from":"s@x.test","to":"a+b\"c@x.test","tag":"b\"c",)");
}

TEST(a_listed_message_without_bodies_is_still_json) {
  std::string out;
  mail::append_listed_message(
      out, "1", 2, mail::envelope_fragment("", "b", "") + "\"subject\":\"\"\n\"size\":1", "");
  const JsonPtr parsed(cJSON_Parse(out.c_str()));
  assert_non_null(parsed.get());
}

TEST(a_body_of_25_mib_is_written_in_linear_time) {
  mail::Message message;
  message.body_text = std::string(std::size_t{25} * 1024 * 1024, '"');
  message.body_html = std::string(std::size_t{25} * 1024 * 1024, '<');
  const auto [size, seconds] = timed([&] { return make_fragments(message).bodies.size(); });
  assert_true(size > std::size_t{75} * 1024 * 1024);
  assert_true(seconds < 5.0);
}

TEST(a_summary_says_the_size_of_its_mail) {
  mail::Message message;
  message.size = 1234;
  message.subject = "\n\"size\":5";
  const mail::Fragments made = mail::make_fragments(message);
  assert_int_equal(
      mail::size_in_summary(mail::envelope_fragment("a", "b", "") + made.summary).value_or(0),
      1234);
  for (const char* text : {"", "\"size\":5", "a\n\"size\":", "a\n\"size\":x"}) {
    assert_false(mail::size_in_summary(Exact(text).view()).has_value());
  }
}

}  // namespace
