// SPDX-License-Identifier: ISC
// What a dialogue on paper cannot show: whose turn it is, counts, timing, and the reply table.
// The dialogues themselves are in golden_test.cc.
#include "smtpd/protocol/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "smtpd/protocol/session_settings.h"
#include "testing.h"

namespace {

using namespace restante::smtpd;

const SessionSettings kSettings = [] {
  SessionSettings settings = session_settings(1000);
  settings.tls_available = true;
  return settings;
}();
constexpr std::string_view kToData =
    "MAIL FROM:<s@x.test>\r\nRCPT TO:<alice@example.com>\r\nDATA\r\n";

template <class Wanted>
bool next_is(Session& session) {
  return std::holds_alternative<Wanted>(session.next_action());
}

// The reply to `bytes`, when the session asks nothing.
std::string say(Session& session, std::string_view bytes) {
  session.receive(bytes);
  return next_is<Idle>(session) ? session.extract_output() : "not idle";
}

std::string_view without_end(std::string_view line) { return line.substr(0, line.find('\r')); }

// A session past its greeting and HELO.
std::unique_ptr<Session> greeted() {
  auto session = std::make_unique<Session>(kSettings);
  (void)session->extract_output();
  (void)say(*session, "HELO c\r\n");
  return session;
}

// … with an answer to MAIL given, up to the question at DATA.
std::unique_ptr<Session> at_data() {
  auto session = greeted();
  session->receive(kToData);
  (void)session->next_action();
  session->answer(Reply::kOk);
  return session;
}

// … and with 354 said.
std::unique_ptr<Session> in_data() {
  auto session = at_data();
  (void)session->next_action();
  session->answer(Reply::kOk);
  (void)session->extract_output();
  return session;
}

TEST(a_question_is_asked_once_and_holds_up_what_follows) {
  auto session = greeted();
  session->receive("MAIL FROM:<s@x.test>\r\nNOOP\r\n");
  assert_true(next_is<AdmitSender>(*session));
  assert_true(next_is<Idle>(*session));
  session->receive("RSET\r\n");
  assert_true(next_is<Idle>(*session));
  assert_true(session->extract_output().empty());
  assert_false(session->at_rest());
  session->answer(Reply::kOk);
  assert_true(next_is<Idle>(*session));
  assert_true(session->extract_output() == "250 2.1.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n");
  assert_true(session->at_rest());
}

TEST(an_answer_to_no_question_is_ignored) {
  auto session = greeted();
  session->answer(Reply::kStoreAway);
  session->tls_started({});
  assert_true(session->extract_output().empty());
  assert_true(say(*session, "NOOP\r\n") == "250 2.0.0 Ok\r\n");
}

TEST(the_envelope_is_shown_at_data_and_given_away_at_the_end) {
  auto session = greeted();
  session->receive("MAIL FROM:<s@x.test> SIZE=7\r\n");
  assert_true(next_is<AdmitSender>(*session));
  session->answer(Reply::kOk);
  session->receive("RCPT TO:<alice@example.com>\r\nDATA\r\n");
  const Action asked = session->next_action();
  const auto* admit = std::get_if<AdmitMessage>(&asked);
  assert_non_null(admit);
  assert_true(admit->envelope.reverse_path.text() == "s@x.test");
  assert_int_equal(admit->envelope.recipients.size(), 1);
  assert_true(admit->envelope.helo == "c");
  assert_false(admit->envelope.esmtp);
  assert_int_equal(admit->envelope.declared_size, 7);
  session->answer(Reply::kOk);
  session->receive("h\ri\n\r\n");
  assert_int_equal(session->held(), 6);
  session->receive(".\r\n");
  const Action done = session->next_action();
  const auto* deliver = std::get_if<Deliver>(&done);
  assert_non_null(deliver);
  assert_true(deliver->data == "h\ri\n\r\n");
  assert_int_equal(deliver->envelope.bare_newlines.lf, 1);
  assert_int_equal(deliver->envelope.bare_newlines.cr, 1);
  assert_true(deliver->envelope.recipients.front().text() == "alice@example.com");
  assert_int_equal(session->held(), 0);
}

TEST(a_recipient_is_asked_for_once_and_leaves_nothing_when_it_is_refused) {
  SessionSettings settings = kSettings;
  settings.asks_recipients = true;
  Session session(settings);
  (void)session.extract_output();
  (void)say(session, "HELO c\r\n");
  session.receive("MAIL FROM:<s@x.test>\r\n");
  (void)session.next_action();
  session.answer(Reply::kOk);
  session.receive("RCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n");
  const Action asked = session.next_action();
  const auto* admit = std::get_if<AdmitRecipient>(&asked);
  assert_non_null(admit);
  assert_true(admit->recipient.text() == "a@example.com");
  assert_true(next_is<Idle>(session));
  session.answer(Reply::kMailboxFull);
  assert_true(next_is<AdmitRecipient>(session));
  assert_true(
      session.extract_output().ends_with("452 4.2.2 The mailbox is full: try again later\r\n"));
  session.answer(Reply::kOk);
  // One that was taken is not asked for again, one that was refused is.
  session.receive("RCPT TO:<b@example.com>\r\nRCPT TO:<a@example.com>\r\n");
  assert_true(next_is<AdmitRecipient>(session));
  session.answer(Reply::kOk);
  session.receive("DATA\r\n");
  const Action message = session.next_action();
  assert_int_equal(std::get_if<AdmitMessage>(&message)->envelope.recipients.size(), 2);
  assert_int_equal(session.counts().recipients, 2);
}

// Whether the message is admitted or not: what came before the reply counts on a 354.
TEST(bytes_before_the_reply_to_data_end_the_session) {
  for (const Reply verdict : {Reply::kOk, Reply::kRateLimited}) {
    auto session = at_data();
    assert_true(next_is<AdmitMessage>(*session));
    session->receive("R");
    session->answer(verdict, "9");
    assert_true(next_is<Close>(*session));
    assert_true(session->extract_output().ends_with("554 5.5.0 Improper command pipelining\r\n"));
  }
}

// Unlike message data behind DATA, which would be read as commands if it were refused.
TEST(a_chunk_may_come_before_it_is_admitted) {
  for (const Reply verdict : {Reply::kOk, Reply::kRateLimited}) {
    auto session = greeted();
    session->receive("MAIL FROM:<s@x.test>\r\nRCPT TO:<alice@example.com>\r\n");
    (void)session->next_action();
    session->answer(Reply::kOk);
    (void)say(*session, "BDAT 6 LAST\r\nQU");
    session->receive("IT\r");
    session->receive("\nNOOP\r\n");
    session->answer(verdict, "9");
    assert_int_equal(session->held(), verdict == Reply::kOk ? 6 : 0);
    if (verdict == Reply::kOk) {
      assert_true(next_is<Deliver>(*session));
      session->answer(Reply::kOk);
    }
    assert_true(next_is<Idle>(*session));
    assert_true(session->extract_output().ends_with("\r\n250 2.0.0 Ok\r\n"));
    assert_true(session->at_rest());
  }
}

TEST(commands_behind_a_message_wait_for_its_answer) {
  auto session = in_data();
  session->receive("hi\r\n.\r\nNOOP\r\n");
  assert_true(next_is<Deliver>(*session));
  session->receive("QUIT\r\n");
  assert_true(next_is<Idle>(*session));
  assert_true(session->extract_output().empty());
  session->answer(Reply::kOk);
  assert_true(next_is<Close>(*session));
  assert_true(session->extract_output() ==
              "250 2.0.0 Ok: stored\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n");
}

TEST(plain_text_after_starttls_closes_without_a_reply) {
  auto session = greeted();
  session->receive("STARTTLS\r\n");
  assert_true(next_is<StartTls>(*session));
  (void)session->extract_output();
  session->receive("x");
  session->tls_started({});
  session->end(Reply::kIdleTimeout);
  assert_true(next_is<Close>(*session));
  assert_true(session->extract_output().empty());
}

TEST(tls_makes_the_session_forget) {
  auto session = greeted();
  session->receive("STARTTLS\r\n");
  assert_true(next_is<StartTls>(*session));
  (void)session->extract_output();
  session->tls_started({"TLSv1.3", "cipher"});
  assert_true(session->helo().empty());
  assert_true(session->tls()->version == "TLSv1.3");
  assert_true(session->at_rest());
  assert_true(say(*session, "MAIL FROM:<>\r\n") == "503 5.5.1 Send EHLO first\r\n");
}

TEST(a_client_refused_at_once_sees_no_220) {
  Session session(kSettings);
  session.end(Reply::kTooManyConnections);
  assert_true(next_is<Close>(session));
  assert_true(session.extract_output() == "421 4.7.0 Too many connections: try again later\r\n");
}

TEST(nothing_is_said_after_the_last_reply) {
  auto session = in_data();
  session->receive("hi\r\n.\r\n");
  assert_true(next_is<Deliver>(*session));
  session->end(Reply::kShuttingDown);
  session->end(Reply::kIdleTimeout);
  session->answer(Reply::kOk);
  session->receive("NOOP\r\n");
  assert_true(next_is<Close>(*session));
  assert_true(next_is<Close>(*session));
  assert_true(session->extract_output() == "421 4.3.2 Shutting down: try again later\r\n");
}

TEST(a_session_is_at_rest_outside_transactions) {
  auto session = greeted();
  assert_true(session->at_rest());
  session = at_data();
  assert_false(session->at_rest());
  session = in_data();
  assert_false(session->at_rest());
  session->receive(".\r\n");
  assert_true(next_is<Deliver>(*session));
  assert_false(session->at_rest());
  session->answer(Reply::kStoreAway);
  assert_true(session->at_rest());
}

TEST(all_is_counted) {
  auto session = in_data();
  session->receive(".\r\n");
  (void)session->next_action();
  session->answer(Reply::kOk);
  (void)say(*session, "FOO\r\nMAIL FROM:<>\r\n");
  session->answer(Reply::kStoreAway);
  const SessionCounts& counts = session->counts();
  assert_int_equal(counts.commands, 6);  // HELO MAIL RCPT DATA FOO MAIL
  assert_int_equal(counts.errors, 1);
  assert_int_equal(counts.messages, 1);
  assert_int_equal(counts.recipients, 1);
  assert_int_equal(counts.refused, 1);
}

// What a postmaster who looks for a mail is shown: which command, what was said, whose mail.
TEST(what_moves_no_mail_is_told) {
  auto session = std::make_unique<Session>(kSettings);
  (void)session->extract_output();
  const auto told = [&session] {
    std::string text;
    for (const Refusal& one : session->extract_refusals()) {
      text +=
          fmt::format("{}|{}|{}|{}\n", reply_row(one.reply).name, one.command, one.from, one.told);
    }
    return text;
  };
  (void)say(*session, "MAIL FROM:<early@x.test>\r\nHELO c\r\n");
  (void)say(*session, "FOO\r\nVRFY\r\n");
  assert_same(told(), "need_hello|MAIL FROM:<early@x.test>||503 5.5.1 Send EHLO first\n");
  (void)say(*session, "MAIL FROM:<s@x.test>\r\n");
  session->answer(Reply::kOk);
  (void)say(*session, "RCPT TO:<a@else.test>\r\nRCPT TO:<alice@example.com>\r\n");
  assert_same(told(),
              "relay_denied|RCPT TO:<a@else.test>|s@x.test|"
              "550 5.7.1 Mail for this domain is not taken here\n");
  // A chunk that is too big ends the transaction before it is answered; a delivery is the driver's.
  (void)say(*session, "BDAT 1001 LAST\r\n" + std::string(1001, 'x'));
  assert_same(told(), "message_too_big|BDAT 1001 LAST|s@x.test|552 5.3.4 Message too big\n");
  session->receive("MAIL FROM:<t@x.test>\r\n");
  (void)session->next_action();
  session->answer(Reply::kStoreAway);
  assert_same(told(), fmt::format("store_away|MAIL FROM:<t@x.test>||{}\n",
                                  without_end(format_reply(Reply::kStoreAway))));
}

// The line of a delivery that failed has more to say, and is the driver's.
TEST(a_delivery_that_failed_is_told_by_the_driver) {
  auto session = in_data();
  session->receive(".\r\n");
  (void)session->next_action();
  session->answer(Reply::kStoreAway);
  assert_true(session->extract_refusals().empty());
  assert_int_equal(session->counts().refused, 1);
}

// One client cannot fill the log: the rest is in the counts alone.
TEST(only_so_much_is_told_of_one_client) {
  auto session = greeted();
  session->receive("MAIL FROM:<s@x.test>\r\n");
  (void)session->next_action();
  session->answer(Reply::kOk);
  std::size_t told = 0;
  for (int i = 0; i < 500; ++i) {
    (void)say(*session, fmt::format("RCPT TO:<{}@example.com>\r\n", i));
    told += session->extract_refusals().size();
  }
  assert_int_equal(told, 100);
  assert_int_equal(session->counts().refused, 500 - kSettings.recipient_limit);
}

TEST(replies_are_short_printable_lines) {
  const std::string hostile = std::string("a\r\nb\x1b\xe2\x80\xae{}") + std::string(2000, 'x');
  for (auto i = 0U; i <= static_cast<unsigned>(Reply::kUnknownParameter); ++i) {
    const std::string line = format_reply(static_cast<Reply>(i), hostile);
    assert_true(line.size() <= 512 && line.ends_with("\r\n"));
    const std::string_view text = std::string_view(line).substr(0, line.size() - 2);
    assert_true(std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }));
  }
  assert_true(format_reply(Reply::kRateLimited, "37") ==
              "450 4.7.1 Rate limit exceeded for this sender: try again in 37 seconds\r\n");
  assert_true(format_reply(Reply::kHelloOk, "a\r\nb").ends_with(" a??b\r\n"));
}

}  // namespace
