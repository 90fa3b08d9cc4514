// SPDX-License-Identifier: ISC
// What a sender chose commands no terminal.
#include "ctl/text.h"

#include <string>

#include "ctl/mail_text.h"
#include "ctl/status.h"
#include "shared/base/program.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::ctl;

TEST(control_characters_are_shown_as_question_marks) {
  const struct {
    const char *text, *shown;
  } cases[] = {{"plain \xc3\xa4 \xe2\x82\xac", "plain \xc3\xa4 \xe2\x82\xac"},
               {"a\x1b[31mb", "a?[31mb"},
               {"a\tb\nc\x7f", "a?b?c?"},
               {"a\xc2\x9b"
                "31mb",
                "a?31mb"},
               {"\xe2\x80\xae"
                "abc\xe2\x81\xa6",
                "?abc?"},
               {"\u061c|\u200f|\u2070", "?|?|\u2070"},
               {"cut \xe2\x82", "cut ?"},
               {"\x9b"
                "31m \xc0\xaf",
                "?31m ??"}};
  for (const auto& one : cases) assert_same(printable(Exact(one.text).view()), one.shown);
  assert_same(printable("a\tb\n\x1b", /*lines=*/true), "a\tb\n?");
}

TEST(json_for_a_terminal_has_no_control_characters) {
  const struct {
    const char *json, *shown;
  } cases[] = {{R"(["\u001b \u00e4 €"])", R"(["\u001b \u00e4 €"])"},
               {"\u202e\u2069\u0085\u061c", R"(\u202e\u2069\u0085\u061c)"},
               {"\x1b\n\x7f", R"(\u001b\u000a\u007f)"},
               {"\x9b \xf0\x9f\x98", R"(\ufffd \ufffd)"},
               {"\U0001F600", "\U0001F600"}};
  for (const auto& one : cases) {
    assert_same(terminal_json(Exact(one.json).view()), std::string(one.shown) + "\n");
  }
}

TEST(texts_fit_their_column) {
  assert_same(fitted("\xc3\xa4"
                     "b",
                     4),
              "\xc3\xa4"
              "b  ");
  assert_same(fitted("\xc3\xa4"
                     "bcde",
                     3),
              "\xc3\xa4"
              "bc");
}

TEST(times_are_shown_in_two_units) {
  assert_same(date_text(1'795'602'643), "2026-11-25 10:30:43");
  assert_same(span_text(-5), "0 s");
  assert_same(span_text(59), "59 s");
  assert_same(span_text(61), "1 min 1 s");
  assert_same(span_text(3600 * 25), "1 d 1 h");
}

TEST(a_mail_is_shown_with_header_and_text) {
  const store::StoredMail mail{
      .id = {1'795'602'643'000, 1},
      .summary = "\"from\":\"b@x.org\",\"to\":\"a@x.com\",\"subject\":\"s\"\n\"size\":1",
      .bodies =
          "\"body_text\":\"one\\ntwo\\u001b\",\"body_html\":\"\",\"attachments\":[\"a\\u0007."
          "pdf\"]",
      .details = "\"headers\":[{\"name\":\"Subject\",\"value\":\"s\\u009b\"}]"};
  assert_same(
      mail_text(mail),
      "[1795602643000000001 received 2026-11-25 10:30:43 UTC, from <b@x.org> to <a@x.com>]\n"
      "Subject: s?\n[attachment: a?.pdf]\n\none\ntwo?\n");
}

TEST(a_silent_worker_hangs) {
  Status status;
  status.now = 1000;
  status.taken = std::chrono::milliseconds(100'000);
  const auto hangs = [&](Program role, std::int64_t beat, std::uint64_t started_at) {
    return status.hangs({.slot = 0,
                         .role = role,
                         .state = memory::ProcessState::kReady,
                         .pid = 1,
                         .number = 0,
                         .generation = 1,
                         .started_at = started_at,
                         .heartbeat = std::chrono::milliseconds(beat),
                         .open = 0});
  };
  assert_false(hangs(Program::kSmtpd, 95'000, 0));
  assert_true(hangs(Program::kSmtpd, 94'999, 0));
  assert_false(hangs(Program::kApid, 100'001, 0));  // it has beaten meanwhile
  assert_false(hangs(Program::kApid, 0, 995));      // it has just been started
  assert_true(hangs(Program::kApid, 0, 994));
  assert_false(hangs(Program::kMimed, 0, 0));  // has no heartbeat
}

TEST(a_quantile_is_the_end_of_its_bucket) {
  memory::Histogram histogram{};
  assert_false(quantile_ms(histogram, 0.5).has_value());
  histogram.buckets[0] = 98;
  histogram.buckets[3] = 2;
  assert_true(quantile_ms(histogram, 0.5) == 1.0);
  assert_true(quantile_ms(histogram, 0.99) == 10.0);
}

}  // namespace
