// SPDX-License-Identifier: ISC
// The command table: one row per verb with all that the session must know before it runs one.
#pragma once

#include <cstdint>
#include <string_view>

#include "smtpd/protocol/replies.h"

namespace restante::smtpd {

class Session;

// Where a session stands (RFC 5321 section 4.1.4).
enum class State : std::uint8_t {
  kFresh,    // no EHLO yet, or none since TLS began
  kGreeted,  // EHLO or HELO was taken; no transaction
  kMail,     // MAIL was taken
  kRcpt,     // … and a recipient
  kChunks,   // … and a first BDAT: only more of them, or an end to it
  kData,     // 354 was sent: what comes is message data, and then the driver's answer is awaited
  kClosed,   // the last reply is queued
};

using StateSet = std::uint8_t;
template <class... States>
constexpr StateSet in(States... states) {
  return static_cast<StateSet>((0U | ... | (1U << static_cast<unsigned>(states))));
}

using CommandFlags = std::uint8_t;
// "…can only appear as the last command in a group" (RFC 2920 section 3.1): the client has to wait
// for the reply, so nothing may be behind it yet.
inline constexpr CommandFlags kLastInGroup = 1U << 0U;
// Allowed while TLS is required and not yet in use (RFC 3207 section 4).
inline constexpr CommandFlags kBeforeTls = 1U << 1U;
// Brings no mail nearer: only so many of these are answered.
inline constexpr CommandFlags kIdleTalk = 1U << 2U;
inline constexpr CommandFlags kNoArgument = 1U << 3U;
inline constexpr CommandFlags kNeedsArgument = 1U << 4U;
// Known by name only: 502 rather than 500 (RFC 5321 section 4.2.4).
inline constexpr CommandFlags kUnimplemented = 1U << 5U;
// Its octets follow it at once, whatever the answer, and are no commands: it has to read them even
// where it is not allowed, and so looks for objections itself.
inline constexpr CommandFlags kBringsOctets = 1U << 6U;

// Part of the way of a mail: where it is refused, somebody may look for that mail later.
inline constexpr CommandFlags kMovesMail = 1U << 7U;

struct CommandRow {
  std::string_view verb;
  std::string_view syntax;  // told to whoever gets it wrong
  StateSet states;          // where it is allowed
  Reply out_of_order;       // said elsewhere, once the client has been greeted
  CommandFlags flags;
  void (*run)(Session& session, const CommandRow& row, std::string_view arguments);

  [[nodiscard]] constexpr bool has(CommandFlags flag) const { return (flags & flag) != 0; }
};

// The row of a verb in any case of letters, or none.
[[nodiscard]] const CommandRow* find_command(std::string_view verb);

// True for a first line that only a web browser would send: a request line or a header. Somebody
// makes it talk to us, and its body may well be commands (RFC 5321 section 7).
[[nodiscard]] bool looks_like_http(std::string_view line);

}  // namespace restante::smtpd
