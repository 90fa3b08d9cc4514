// SPDX-License-Identifier: ISC
#include "smtpd/protocol/commands.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "shared/base/ascii.h"
#include "smtpd/protocol/parameters.h"
#include "smtpd/protocol/session.h"

namespace restante::smtpd {

// The handlers: the only ones but the session itself that may change it.
struct Commands {
  static void ehlo(Session& session, const CommandRow& row, std::string_view arguments);
  static void helo(Session& session, const CommandRow& row, std::string_view arguments);
  static void starttls(Session& session, const CommandRow& row, std::string_view arguments);
  static void mail(Session& session, const CommandRow& row, std::string_view arguments);
  static void rcpt(Session& session, const CommandRow& row, std::string_view arguments);
  static void data(Session& session, const CommandRow& row, std::string_view arguments);
  static void bdat(Session& session, const CommandRow& row, std::string_view arguments);
  static void rset(Session& session, const CommandRow& row, std::string_view arguments);
  static void noop(Session& session, const CommandRow& row, std::string_view arguments);
  static void quit(Session& session, const CommandRow& row, std::string_view arguments);
  static void vrfy(Session& session, const CommandRow& row, std::string_view arguments);
  static void help(Session& session, const CommandRow& row, std::string_view arguments);
  static void unimplemented(Session& session, const CommandRow& row, std::string_view arguments);

 private:
  static void greet(Session& session, std::string_view name, bool esmtp);
  static Reply add_recipient(Session& session, mail::Address recipient);
};

namespace {

constexpr StateSet kOnceGreeted = in(State::kGreeted, State::kMail, State::kRcpt, State::kChunks);
constexpr StateSet kAnyTime = kOnceGreeted | in(State::kFresh);
constexpr StateSet kInMail = in(State::kMail, State::kRcpt);
constexpr CommandFlags kHello = kLastInGroup | kBeforeTls | kIdleTalk | kNeedsArgument;
constexpr CommandFlags kOther = kUnimplemented | kBeforeTls;

// clang-format off
constexpr auto kCommands = std::to_array<CommandRow>({
    {"HELO", "HELO hostname", kAnyTime, Reply::kOk, kHello, Commands::helo},
    {"EHLO", "EHLO hostname", kAnyTime, Reply::kOk, kHello, Commands::ehlo},
    {"STARTTLS", "STARTTLS", kOnceGreeted, Reply::kOk, kLastInGroup | kBeforeTls | kNoArgument, Commands::starttls},
    {"MAIL", "MAIL FROM:<address> [parameters]", in(State::kGreeted), Reply::kNestedMail, kMovesMail, Commands::mail},
    {"RCPT", "RCPT TO:<address>", kInMail, Reply::kNeedMail, kMovesMail, Commands::rcpt},
    {"DATA", "DATA", kInMail, Reply::kNeedMail, kMovesMail | kLastInGroup | kNoArgument, Commands::data},
    {"BDAT", "BDAT octets [LAST]", kInMail | in(State::kChunks), Reply::kNeedMail, kMovesMail | kNeedsArgument | kBringsOctets, Commands::bdat},
    {"RSET", "RSET", kAnyTime, Reply::kOk, kBeforeTls | kIdleTalk | kNoArgument, Commands::rset},
    {"NOOP", "NOOP", kAnyTime, Reply::kOk, kBeforeTls | kIdleTalk, Commands::noop},
    {"QUIT", "QUIT", kAnyTime, Reply::kOk, kBeforeTls | kNoArgument, Commands::quit},
    {"VRFY", "VRFY address", kAnyTime, Reply::kOk, kIdleTalk | kNeedsArgument, Commands::vrfy},
    {"HELP", "HELP", kAnyTime, Reply::kOk, kBeforeTls | kIdleTalk, Commands::help},
    {"EXPN", "", kAnyTime, Reply::kOk, kOther, Commands::unimplemented},
    {"TURN", "", kAnyTime, Reply::kOk, kOther, Commands::unimplemented},
    {"SEND", "", kAnyTime, Reply::kOk, kOther, Commands::unimplemented},
    {"SOML", "", kAnyTime, Reply::kOk, kOther, Commands::unimplemented},
    {"SAML", "", kAnyTime, Reply::kOk, kOther, Commands::unimplemented},
    {"ETRN", "", kAnyTime, Reply::kOk, kOther, Commands::unimplemented},
    {"AUTH", "", kAnyTime, Reply::kOk, kOther, Commands::unimplemented},
});
// clang-format on

enum class Offered : std::uint8_t { kAlways, kUntilTls };

struct Extension {
  std::string_view keyword;
  Offered offered;
  std::uint64_t SessionSettings::* number;  // put behind the keyword, if any
};
constexpr auto kExtensions = std::to_array<Extension>({
    {"PIPELINING", Offered::kAlways, nullptr},                                 // RFC 2920
    {"SIZE ", Offered::kAlways, &SessionSettings::message_size_limit},         // RFC 1870
    {"8BITMIME", Offered::kAlways, nullptr},                                   // RFC 6152
    {"ENHANCEDSTATUSCODES", Offered::kAlways, nullptr},                        // RFC 2034
    {"CHUNKING", Offered::kAlways, nullptr},                                   // RFC 3030
    {"LIMITS RCPTMAX=", Offered::kAlways, &SessionSettings::recipient_limit},  // RFC 9422
    {"SMTPUTF8", Offered::kAlways, nullptr},                                   // RFC 6531
    {"STARTTLS", Offered::kUntilTls, nullptr},                                 // RFC 3207
});

// ehlo-ok-rsp of RFC 5321 section 4.1.1.1.
void append_ehlo(std::string& out, const SessionSettings& settings, bool in_tls) {
  std::size_t last_line = out.size();
  out.append("250-").append(settings.hostname).append("\r\n");
  for (const Extension& extension : kExtensions) {
    if (extension.offered == Offered::kUntilTls && (in_tls || !settings.tls_available)) continue;
    last_line = out.size();
    out.append("250-").append(extension.keyword);
    if (extension.number != nullptr) out += std::to_string(settings.*extension.number);
    out += "\r\n";
  }
  out[last_line + 3] = ' ';
}

}  // namespace

const CommandRow* find_command(std::string_view verb) {
  const auto* row = std::ranges::find_if(
      kCommands, [verb](const CommandRow& r) { return equal_ignoring_case(r.verb, verb); });
  return row == kCommands.end() ? nullptr : row;
}

bool looks_like_http(std::string_view line) {
  constexpr auto kMethods = std::to_array<std::string_view>(
      {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI"});
  const std::string_view word = line.substr(0, line.find(' '));
  return word.ends_with(':') || std::ranges::find(kMethods, word) != kMethods.end();
}

// EHLO and HELO end a transaction as RSET does (RFC 5321 section 4.1.4). The name is only noted:
// mail is not refused because it is wrong.
void Commands::greet(Session& session, std::string_view name, bool esmtp) {
  session.reset_transaction();
  session.state_ = State::kGreeted;
  session.helo_ = name;
  session.esmtp_ = esmtp;
}

// ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
void Commands::ehlo(Session& session, const CommandRow& /*row*/, std::string_view arguments) {
  greet(session, arguments, /*esmtp=*/true);
  append_ehlo(session.output_, session.settings_, session.tls_.has_value());
}

// helo = "HELO" SP Domain CRLF
void Commands::helo(Session& session, const CommandRow& /*row*/, std::string_view arguments) {
  greet(session, arguments, /*esmtp=*/false);
  session.reply(Reply::kHelloOk, session.settings_.hostname);
}

// RFC 3207 section 4. A transaction is dropped once TLS has begun.
void Commands::starttls(Session& session, const CommandRow& /*row*/,
                        std::string_view /*arguments*/) {
  if (session.tls_) return session.reply(Reply::kTlsAlreadyOn);
  if (!session.settings_.tls_available) return session.reply(Reply::kTlsUnavailable);
  session.reply(Reply::kReadyForTls);
  session.ask(Session::Ask::kTls);
}

// mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
void Commands::mail(Session& session, const CommandRow& row, std::string_view arguments) {
  auto parsed = parse_mail(arguments, session.settings_.message_size_limit);
  if (!parsed) return session.reply(parsed.error(), row.syntax);
  session.envelope_ = Envelope{.reverse_path = std::move(parsed->reverse_path),
                               .recipients = {},
                               .helo = session.helo_,
                               .esmtp = session.esmtp_,
                               .smtputf8 = parsed->smtputf8,
                               .declared_size = parsed->size};
  session.ask(Session::Ask::kSender);
}

// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) CRLF
void Commands::rcpt(Session& session, const CommandRow& row, std::string_view arguments) {
  auto parsed = parse_rcpt(arguments, session.envelope_.smtputf8);
  if (!parsed) return session.reply(parsed.error(), row.syntax);
  const std::size_t before = session.envelope_.recipients.size();
  const Reply reply = add_recipient(session, std::move(*parsed));
  if (session.settings_.asks_recipients && session.envelope_.recipients.size() > before)
    return session.ask(Session::Ask::kRecipient);
  if (reply == Reply::kRecipientOk) session.state_ = State::kRcpt;
  session.reply(reply);
}

// A recipient named twice is acknowledged twice and gets one copy, even at the limit. Over the
// limit it is 452, and those taken stay (RFC 5321 section 4.5.3.1.10).
Reply Commands::add_recipient(Session& session, mail::Address recipient) {
  const auto& domains = session.settings_.domains;
  auto& recipients = session.envelope_.recipients;
  if (recipient.domain.empty() && !domains.empty()) recipient.domain = domains.front();
  if (std::ranges::find(domains, recipient.domain) == domains.end()) return Reply::kRelayDenied;
  if (mail::has_route(recipient.local)) return Reply::kRouted;
  std::string name = mail::recipient_name(recipient, session.settings_.mailbox_case);
  if (session.recipient_names_.contains(name)) return Reply::kRecipientOk;
  if (recipients.size() >= session.settings_.recipient_limit ||
      !session.fits(session.envelope_.declared_size, recipients.size() + 1)) {
    return Reply::kTooManyRecipients;
  }
  session.recipient_names_.insert(std::move(name));
  recipients.push_back(std::move(recipient));
  ++session.counts_.recipients;
  return Reply::kRecipientOk;
}

// RFC 2920 section 3.2: a client that pipelines learns here that no recipient was taken.
void Commands::data(Session& session, const CommandRow& /*row*/, std::string_view /*arguments*/) {
  if (session.state_ != State::kRcpt) return session.reply(Reply::kNoRecipients);
  session.ask(Session::Ask::kMessage);
}

// RFC 3030 section 2. Without a length nobody can tell where commands go on: that is the end.
void Commands::bdat(Session& session, const CommandRow& row, std::string_view arguments) {
  const auto chunk = parse_bdat(arguments);
  if (!chunk) return session.reply_and_close(Reply::kBadArguments, row.syntax);
  if (chunk->octets == 0) ++session.idle_talk_;
  session.begin_chunk(*chunk, session.objection(row, arguments));
}

void Commands::rset(Session& session, const CommandRow& /*row*/, std::string_view /*arguments*/) {
  session.reset_transaction();
  session.reply(Reply::kOk);
}

void Commands::noop(Session& session, const CommandRow& /*row*/, std::string_view /*arguments*/) {
  session.reply(Reply::kOk);
}

void Commands::quit(Session& session, const CommandRow& /*row*/, std::string_view /*arguments*/) {
  session.reply_and_close(Reply::kBye);
}

// Who has a mailbox here is nobody's business (RFC 5321 section 7.3).
void Commands::vrfy(Session& session, const CommandRow& /*row*/, std::string_view /*arguments*/) {
  session.reply(Reply::kCannotVerify);
}

void Commands::help(Session& session, const CommandRow& /*row*/, std::string_view /*arguments*/) {
  std::string verbs;
  for (const CommandRow& row : kCommands) {
    if (row.has(kUnimplemented)) continue;
    if (!verbs.empty()) verbs += ' ';
    verbs += row.verb;
  }
  session.reply(Reply::kHelp, verbs);
}

void Commands::unimplemented(Session& session, const CommandRow& /*row*/,
                             std::string_view /*arguments*/) {
  session.reply(Reply::kNotImplemented);
}

}  // namespace restante::smtpd
