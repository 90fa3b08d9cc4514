// SPDX-License-Identifier: ISC
#include "smtpd/protocol/replies.h"

#include <algorithm>
#include <array>

namespace restante::smtpd {
namespace {

constexpr std::size_t kMaxReplyLine = 512;
constexpr std::string_view kHole = "{}";

// clang-format off
constexpr auto kReplies = std::to_array<ReplyRow>({
    {Reply::kGreeting, "greeting", 220, "", "{} ESMTP restante"},
    {Reply::kReadyForTls, "ready_for_tls", 220, "2.0.0", "Ready to start TLS"},
    {Reply::kHelp, "help", 214, "2.0.0", "Commands: {}"},
    {Reply::kBye, "bye", 221, "2.0.0", "Bye"},
    {Reply::kOk, "ok", 250, "2.0.0", "Ok"},
    {Reply::kHelloOk, "hello_ok", 250, "", "{}"},
    {Reply::kSenderOk, "sender_ok", 250, "2.1.0", "Ok"},
    {Reply::kRecipientOk, "recipient_ok", 250, "2.1.5", "Ok"},
    {Reply::kStored, "stored", 250, "2.0.0", "Ok: stored"},
    {Reply::kChunkOk, "chunk_ok", 250, "2.0.0", "Ok: {} octets"},
    {Reply::kCannotVerify, "cannot_verify", 252, "2.5.2", "Mailboxes are not verified: send the mail"},
    {Reply::kStartMail, "start_mail", 354, "", "End data with <CR><LF>.<CR><LF>"},

    {Reply::kShuttingDown, "shutting_down", 421, "4.3.2", "Shutting down: try again later"},
    {Reply::kInternalError, "internal_error", 421, "4.3.0", "Internal error: try again later"},
    {Reply::kIdleTimeout, "idle_timeout", 421, "4.4.2", "Timeout: closing the connection"},
    {Reply::kTooManyErrors, "too_many_errors", 421, "4.7.0", "Too many errors"},
    {Reply::kTooManyCommands, "too_many_commands", 421, "4.7.0", "Too many commands without mail"},
    {Reply::kTooManyConnections, "too_many_connections", 421, "4.7.0", "Too many connections: try again later"},
    {Reply::kNotSmtp, "not_smtp", 421, "4.5.2", "This is a mail server: closing the connection"},
    {Reply::kRateLimited, "rate_limited", 450, "4.7.1", "Rate limit exceeded for this sender: try again in {} seconds"},
    {Reply::kClientLimited, "client_rate_limited", 450, "4.7.1", "Rate limit exceeded for this client: try again in {} seconds"},
    {Reply::kStoreAway, "store_away", 451, "4.3.0", "Mailbox storage is not available: try again later"},
    {Reply::kStoreFull, "store_full", 452, "4.3.1", "Mailbox storage is full: try again later"},
    {Reply::kStoreUnsafe, "store_unsafe", 451, "4.3.0", "Mailbox storage is not safe now: try again later"},
    {Reply::kParserAway, "parser_away", 451, "4.3.0", "The message cannot be read now: try again later"},
    {Reply::kBusy, "busy", 452, "4.3.1", "Too much mail at once: try again later"},
    {Reply::kMailboxFull, "mailbox_full", 452, "4.2.2", "The mailbox is full: try again later"},
    {Reply::kTooManyRecipients, "too_many_recipients", 452, "4.5.3", "Too many recipients: send the rest in another mail"},
    {Reply::kTlsUnavailable, "tls_unavailable", 454, "4.7.0", "TLS is not available"},

    {Reply::kUnknownCommand, "unknown_command", 500, "5.5.2", "Command not recognized"},
    {Reply::kLineTooLong, "line_too_long", 500, "5.5.2", "Line too long"},
    {Reply::kLineEndless, "line_endless", 500, "5.5.2", "Line without end"},
    {Reply::kBadLine, "bad_line", 501, "5.5.2", "Control bytes or malformed UTF-8 in the command"},
    {Reply::kBadArguments, "bad_arguments", 501, "5.5.4", "Syntax: {}"},
    {Reply::kBadSender, "bad_sender", 501, "5.1.7", "Bad sender address syntax"},
    {Reply::kSenderTooLong, "sender_too_long", 501, "5.1.7", "Path too long"},
    {Reply::kBadRecipient, "bad_recipient", 501, "5.1.3", "Bad recipient address syntax"},
    {Reply::kRecipientTooLong, "recipient_too_long", 501, "5.1.3", "Path too long"},
    {Reply::kBadRecipientDomain, "bad_recipient_domain", 501, "5.1.2", "Bad internationalized domain name"},
    {Reply::kBadSize, "bad_size", 501, "5.5.4", "Bad SIZE parameter"},
    {Reply::kBadParameter, "bad_parameter", 501, "5.5.4", "Malformed or repeated parameter"},
    {Reply::kNotImplemented, "not_implemented", 502, "5.5.1", "Command not implemented"},
    {Reply::kNeedHello, "need_hello", 503, "5.5.1", "Send EHLO first"},
    {Reply::kNestedMail, "nested_mail", 503, "5.5.1", "Sender already given"},
    {Reply::kInChunks, "in_chunks", 503, "5.5.1", "The message is coming with BDAT"},
    {Reply::kNeedMail, "need_mail", 503, "5.5.1", "Send MAIL first"},
    {Reply::kTlsAlreadyOn, "tls_already_on", 503, "5.5.1", "TLS is already in use"},
    {Reply::kNeedTls, "need_tls", 530, "5.7.0", "Must issue a STARTTLS command first"},
    {Reply::kBareLf, "bare_lf", 550, "5.5.2", "Lines must end in CRLF"},
    {Reply::kBareNewlines, "bare_newlines", 550, "5.5.2", "The message has a CR or LF that is no line end"},
    {Reply::kRelayDenied, "relay_denied", 550, "5.7.1", "Mail for this domain is not taken here"},
    {Reply::kDeclaredTooBig, "declared_too_big", 552, "5.3.4", "Message too big"},
    {Reply::kMessageTooBig, "message_too_big", 552, "5.3.4", "Message too big"},
    {Reply::kHeaderTooBig, "header_too_big", 552, "5.3.4", "Message header too big"},
    {Reply::kRouted, "routed", 553, "5.1.3", "Mail is not passed on to other hosts"},
    {Reply::kNeedsSmtputf8, "needs_smtputf8", 553, "5.6.7", "This address needs the SMTPUTF8 parameter of MAIL"},
    {Reply::kEarlyTalk, "early_talk", 554, "5.5.0", "Wait for the greeting"},
    {Reply::kPipelining, "pipelining", 554, "5.5.0", "Improper command pipelining"},
    {Reply::kNoRecipients, "no_recipients", 554, "5.5.1", "No valid recipients"},
    {Reply::kBlocked, "client_blocked", 554, "5.7.1", "Mail from {} is not accepted here"},
    {Reply::kLoop, "loop", 554, "5.4.6", "Too many Received fields: the mail goes in circles"},
    {Reply::kUnknownParameter, "unknown_parameter", 555, "5.5.4", "Parameter not recognized"},
});
// clang-format on

constexpr bool is_printable(char c) { return c >= ' ' && c <= '~'; }

// The rows stand in the order of the enumerators, RFC 2034 section 4 wants both codes to be of the
// same class, and each text leaves room for its code, its enhanced code and CRLF.
consteval bool table_is_sound() {
  for (std::size_t i = 0; i < kReplies.size(); ++i) {
    const ReplyRow& row = kReplies[i];
    if (static_cast<std::size_t>(row.reply) != i) return false;
    if (!row.enhanced.empty() && row.enhanced.front() - '0' != row.code / 100) return false;
    if (row.enhanced.empty() && row.code >= 400) return false;
    if (row.text.size() > 100 || !std::ranges::all_of(row.text, is_printable)) return false;
  }
  return static_cast<std::size_t>(Reply::kUnknownParameter) + 1 == kReplies.size();
}
static_assert(table_is_sound());

}  // namespace

const ReplyRow& reply_row(Reply reply) { return kReplies[static_cast<std::size_t>(reply)]; }

void append_reply(std::string& out, Reply reply, std::string_view argument) {
  const ReplyRow& row = reply_row(reply);
  const std::size_t start = out.size();
  for (int unit = 100; unit > 0; unit /= 10) out += static_cast<char>('0' + row.code / unit % 10);
  out += ' ';
  if (!row.enhanced.empty()) out.append(row.enhanced).append(1, ' ');
  const std::size_t hole = row.text.find(kHole);
  out += row.text.substr(0, hole);
  if (hole != std::string_view::npos) {
    const std::string_view tail = row.text.substr(hole + kHole.size());
    const std::size_t room = kMaxReplyLine - (out.size() - start) - tail.size() - 2;
    std::ranges::transform(argument.substr(0, room), std::back_inserter(out),
                           [](char c) { return is_printable(c) ? c : '?'; });
    out += tail;
  }
  out += "\r\n";
}

std::string format_reply(Reply reply, std::string_view argument) {
  std::string line;
  append_reply(line, reply, argument);
  return line;
}

}  // namespace restante::smtpd
