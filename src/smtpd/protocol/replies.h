// SPDX-License-Identifier: ISC
// Every reply that the server can give, one row each; code passes the row's name, never a number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace restante::smtpd {

enum class Reply : std::uint8_t {
  // Good news
  kGreeting,
  kReadyForTls,
  kHelp,
  kBye,
  kOk,  // as an answer to an action: go on
  kHelloOk,
  kSenderOk,
  kRecipientOk,
  kStored,
  kChunkOk,
  kCannotVerify,
  kStartMail,
  // Try again later
  kShuttingDown,
  kInternalError,
  kIdleTimeout,
  kTooManyErrors,
  kTooManyCommands,
  kTooManyConnections,
  kNotSmtp,
  kRateLimited,
  kClientLimited,
  kStoreAway,
  kStoreFull,
  kStoreUnsafe,
  kParserAway,
  kBusy,
  kMailboxFull,
  kTooManyRecipients,
  kTlsUnavailable,
  // Do not try again like this
  kUnknownCommand,
  kLineTooLong,
  kLineEndless,
  kBadLine,
  kBadArguments,
  kBadSender,
  kSenderTooLong,
  kBadRecipient,
  kRecipientTooLong,
  kBadRecipientDomain,
  kBadSize,
  kBadParameter,
  kNotImplemented,
  kNeedHello,
  kNestedMail,
  kInChunks,
  kNeedMail,
  kTlsAlreadyOn,
  kNeedTls,
  kBareLf,
  kBareNewlines,
  kRelayDenied,
  kDeclaredTooBig,
  kMessageTooBig,
  kHeaderTooBig,
  kRouted,
  kNeedsSmtputf8,
  kEarlyTalk,
  kPipelining,
  kNoRecipients,
  kBlocked,
  kLoop,
  kUnknownParameter,
};

// A row of the table. Code and enhanced code (RFC 3463) tell the client's program, the text its
// human; a {} in the text stands for an argument.
struct ReplyRow {
  Reply reply;
  std::string_view name;  // in logs and tests
  std::uint16_t code;
  std::string_view enhanced;  // none where RFC 2034 section 4 wants none: greeting, HELO, 3yz
  std::string_view text;
};

[[nodiscard]] const ReplyRow& reply_row(Reply reply);

// Appends the line, CRLF included, of at most 512 octets (RFC 5321 section 4.5.3.1.5). An argument
// that does not fit is cut, and what is not printable ASCII in it becomes "?", so that a client is
// never shown bytes that somebody else chose.
void append_reply(std::string& out, Reply reply, std::string_view argument = {});
[[nodiscard]] std::string format_reply(Reply reply, std::string_view argument = {});

}  // namespace restante::smtpd
