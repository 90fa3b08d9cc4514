// SPDX-License-Identifier: ISC
// Fragments of a parser that was taken over are told from those of make_fragments().
#include "shared/mail/fragment_form.h"

#include "testing.h"

namespace {

using namespace restante;

mail::Fragments some() {
  mail::Message message{.subject = "a \"b\" \\ \x01 \xC3\xA9\n",
                        .body_text = "text of more than eight bytes\r\n",
                        .body_html = "<p>\xE3\x81\x82</p>",
                        .snippet = "text",
                        .attachments = {{.name = "a.pdf", .type = "application/pdf"},
                                        {.name = "b", .type = "c", .content_id = "x"}},
                        .size = 123};
  message.headers = {{"Subject", "a"}, {"To", "b"}};
  message.addresses.to = {{"B", "b@example.org"}, {"", "c@example.org"}};
  message.links = {{"https://example.org/", "here"}};
  message.codes = {"123456", "7890"};
  return mail::make_fragments(message);
}

TEST(what_a_parser_writes_has_the_form) {
  assert_true(mail::have_form(some()));
  assert_true(mail::have_form(mail::make_fragments({})));
  assert_true(mail::have_form(mail::make_fragments({.size = UINT64_MAX, .parse_error = true})));
}

TEST(no_other_member_and_no_other_order_has_the_form) {
  const auto fails = [](auto change) {
    mail::Fragments fragments = some();
    change(fragments);
    if (mail::have_form(fragments)) fail_test(fragments.summary + fragments.bodies);
  };
  for (const std::string_view forged :
       {",\"from\":\"forged@example.org\"", ",\"id\":\"1\"", "}", "},{", "\n", " ", ",", "\"", "x",
        ",\"parse_error\":false", ",\"parse_error\":true,\"parse_error\":true"}) {
    fails([&](mail::Fragments& one) { one.summary += forged; });
    fails([&](mail::Fragments& one) { one.bodies += forged; });
    fails([&](mail::Fragments& one) { one.details += forged; });
    fails([&](mail::Fragments& one) { one.summary.insert(0, forged); });
  }
  for (std::string mail::Fragments::* part :
       {&mail::Fragments::summary, &mail::Fragments::bodies, &mail::Fragments::details}) {
    fails([part](mail::Fragments& one) { (one.*part).clear(); });
    fails([part](mail::Fragments& one) { (one.*part).pop_back(); });
    fails([part](mail::Fragments& one) { (one.*part).erase(0, 1); });
    fails([part](mail::Fragments& one) { (one.*part)[1] = 'X'; });
  }
}

// What may stand in a string: in the place of the subject.
bool is_good_string(std::string_view text) {
  mail::Fragments fragments = some();
  fragments.summary =
      "\"subject\":\"" + std::string(text) + "\"\n\"size\":1,\"snippet\":\"\",\"attachments\":0";
  return mail::have_form(fragments);
}

TEST(strings_are_strict) {
  for (const std::string_view good : {"", "abc", "\\\"", "\\\\", "\\n\\r\\t\\b\\f\\/", "\\u0001",
                                      "\xC3\xA9", "12345678\\\\", "1234567\\\"12345678"}) {
    if (!is_good_string(good)) fail_test(good);
  }
  for (const std::string_view bad :
       {"\"", "\\", "\n", "\x01", "\x1f", "\\x", "\\u12", "\\ud800", "\\u000g", "\xff", "\xC3",
        "\xED\xA0\x80", "12345678\n12345678", "1234567\x01", "\",\"from\":\"x"}) {
    if (is_good_string(bad)) fail_test(bad);
  }
  assert_false(is_good_string(std::string_view("\0", 1)));
}

TEST(numbers_are_whole_and_short) {
  const auto good = [](std::string_view size) {
    mail::Fragments fragments = some();
    fragments.summary =
        "\"subject\":\"\"\n\"size\":" + std::string(size) + ",\"snippet\":\"\",\"attachments\":0";
    return mail::have_form(fragments);
  };
  assert_true(good("0") && good("18446744073709551615"));
  for (const char* bad : {"", "-1", "01", "1.5", "1e9", "null", "\"1\"", "111111111111111111111"}) {
    assert_false(good(bad));
  }
}

}  // namespace
