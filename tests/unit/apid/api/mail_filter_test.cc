// SPDX-License-Identifier: ISC
// Which stored mail fits: needles with escapes, texts with quotes, and the borders between fields.
#include "apid/api/mail_filter.h"

#include <string>
#include <string_view>

#include "shared/mail/message.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::apid;

std::string summary_of(std::string_view from, std::string subject) {
  return mail::envelope_fragment(from, "to@example.com", "tag") +
         mail::make_fragments({.subject = std::move(subject),
                               .body_text = "snippet",
                               .body_html = {},
                               .attachments = {}})
             .summary;
}

bool fits(std::string_view from, std::string_view subject, const std::string& summary) {
  const MailFilter filter{.from = make_needle(from), .subject = make_needle(subject)};
  return filter.fits(Exact(summary).view());
}

bool in_subject(std::string_view needle, std::string subject) {
  return fits("", needle, summary_of("a@example.org", std::move(subject)));
}

TEST(a_substring_in_any_case_fits) {
  for (const char* needle : {"your code", "CODE: 1234", "Y", "4", ": ", "Your Code: 1234"}) {
    assert_true(in_subject(needle, "Your Code: 1234"));
  }
  for (const char* needle : {"your  code", "1235", "Your Code: 1234 "}) {
    assert_false(in_subject(needle, "Your Code: 1234"));
  }
  assert_false(in_subject("a", ""));
  assert_true(in_subject("\xC3\xA9T", "un \xC3\xA9t\xC3\xA9"));
  assert_false(in_subject("\xC3\x89t", "un \xC3\xA9t\xC3\xA9"));  // folds ASCII alone
}

TEST(quotes_and_backslashes_are_characters) {
  assert_true(in_subject("\"HI\"", "say \"hi\" to"));
  assert_true(in_subject("\"", "\""));
  assert_true(in_subject("\\", "a\\b"));
  assert_true(in_subject("a\\b", "A\\B"));
  assert_true(in_subject("\\\"", "x\\\""));
  assert_false(in_subject("\\", "say \"hi\" to"));
  assert_false(in_subject("\\\\", "a\\b"));
  assert_false(in_subject("\\\"", "say \"hi\" to"));
}

TEST(a_letter_of_an_escape_is_no_letter) {
  for (const char* needle : {"n", "t", "u", "0", "001f", "\\", "\\n", "\\u"}) {
    assert_false(in_subject(needle,
                            "a\n\tb\x1f"
                            "c"));
  }
  assert_false(in_subject("\\b", "a\\\b"));  // in JSON a\\\b, which has \\b in it
  assert_true(in_subject("c",
                         "a\n\tb\x1f"
                         "c"));
}

TEST(nothing_fits_across_the_border_of_a_field) {
  const std::string summary = summary_of("ann@example.org", "hello");
  assert_true(fits("ann@EXAMPLE.org", "Hello", summary));
  assert_true(fits("", "", summary));
  for (const char* needle : {"to@example.com", "tag", "subject", "from", "snippet", "size",
                             "hello\"", "\":\"hello", "\"", ",", "hello\n", "ann@example.org"}) {
    assert_false(fits("", needle, summary));
  }
  for (const char* needle : {"ann@example.org\"", "org\",\"to\":\"to", "to@", "hello", "\"from"}) {
    assert_false(fits(needle, "", summary));
  }
  assert_false(fits("ann", "bye", summary));
  assert_false(fits("bob", "hello", summary));
  // What looks like a field inside a text is text.
  const std::string forged = summary_of("\"a\\\"\\\",\\\"subject\\\":\\\"x\"@b", "real");
  assert_true(fits("", "real", forged));
  assert_false(fits("", "x", forged));
}

TEST(a_hostile_filter_is_searched_for_in_linear_time) {
  const std::string text(std::size_t{250} * 1024, 'a');
  const auto [found, seconds] = timed([&text] {
    bool any = false;
    for (int mail = 0; mail < 100; ++mail) any |= holds(text, std::string(299, 'a') + "b");
    return any;
  });
  assert_false(found);
  assert_true(seconds < 1);
  assert_true(holds(text + "b", std::string(299, 'a') + "b"));
  // What is found in the middle of an escape is not there, and what overlaps it may be.
  assert_true(holds("\\\\n", "\\n") == holds("\\\\n", make_needle("\n")));
  assert_false(holds("x\\nn", "nn"));
  assert_true(holds("abababac", "ababac"));
}

TEST(the_null_sender_has_no_text) { assert_false(fits("a", "", summary_of("", "a"))); }

TEST(what_is_no_fragment_fits_nothing) {
  for (const char* summary :
       {"", "\"", "\"subject", "\"subject\"", "\"subject\":", "\"subject\":\"a", "\"subject\":1",
        "\"subject\":\"a\\", "\"subject\":\"a\\u00", "\"x\":1,\"subject\":\"a\"", "subject:a"}) {
    assert_false(fits("", "a", summary));
  }
}

}  // namespace
