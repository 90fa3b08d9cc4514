// SPDX-License-Identifier: ISC
// The trace header that a message gets on top: Return-Path and Received (RFC 5321 section 4.4).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "shared/mail/message.h"
#include "smtpd/protocol/session.h"

namespace restante::smtpd {

// What is known of a message's arrival. Views live during the call.
struct Arrival {
  const Envelope& envelope;
  std::string_view client_address;  // as text, "192.0.2.1" or "2001:db8::1"
  std::string_view hostname;        // ours
  std::string_view id;              // by which the log knows the connection
  TlsInfo tls;                      // empty: in clear
  std::chrono::system_clock::time_point time;
};

// Lines end in CRLF. What the client chose is cut to printable ASCII, so that it can neither end
// the line nor leave its place in it.
[[nodiscard]] std::string trace_header(const Arrival& arrival);

// The same for the details of a mail. `helo` is as given; of one that is not UTF-8 each
// byte above ASCII is a `?`.
[[nodiscard]] mail::Transport transport_of(const Arrival& arrival);

// `data` without the Return-Path fields that earlier hops left in its header: there is to be one
// (section 4.4), and it is ours. The bytes of all else stay as they are.
[[nodiscard]] std::string without_return_path(std::string data);

}  // namespace restante::smtpd
