// SPDX-License-Identifier: ISC
// The SMTP conversation of one client (RFC 5321), without input or output: bytes in, replies and
// actions out. It knows no socket, no clock and no store; whoever drives it does what it asks.
//
//   session.receive(bytes);                     // as they come, whole or in drops: same result
//   for (;;) {
//     send(session.take_output());
//     Action action = session.next_action();    // Idle: read on
//     …do it; then answer() or tls_started()…
//   }
//
// From an action that asks something until its answer the session takes no command; bytes that
// arrive meanwhile are kept, so the driver had better stop reading.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/address.h"
#include "smtpd/framing.h"
#include "smtpd/replies.h"

namespace restante::smtpd {

// What the session is told at birth. Views and references outlive the session.
struct SessionSettings {
  std::string hostname;               // in the greeting
  std::vector<std::string> domains;   // ours, lower case
  std::uint64_t message_size_limit;   // bytes
  std::uint64_t recipient_limit;      // per message
  std::uint64_t error_limit;          // protocol errors until 421
  bool tls_available;                 // STARTTLS is offered
  bool tls_required;                  // 530 until it is used
};

struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
};

struct Envelope {
  Address reverse_path;              // null for <>
  std::vector<Address> recipients;   // each once
  std::string helo;                  // as given
  bool esmtp = false;                // EHLO, not HELO
  bool smtputf8 = false;
};

// What the driver shall do next.
struct Idle {};                       // nothing: send the output, read on
struct StartTls {};                   // send the output, start the handshake, call tls_started()
struct AdmitSender {};                // at MAIL: may mail be taken now? answer()
struct AdmitMessage { const Envelope& envelope; };  // at DATA: take a token; answer()
struct Deliver {                      // answer() once it is stored, or not
  Envelope envelope;
  std::string data;                   // dots unstuffed; lines end as they came
};
struct Close {};                      // send the output, close
using Action = std::variant<Idle, StartTls, AdmitSender, AdmitMessage, Deliver, Close>;

// Counts for the closing log line.
struct SessionCounts {
  std::uint32_t commands = 0, errors = 0, messages = 0, recipients = 0, refused = 0;
};

class Session {
 public:
  explicit Session(const SessionSettings& settings);   // queues the 220 greeting

  void receive(std::string_view bytes);
  [[nodiscard]] Action next_action();

  // Reply::kOk lets the session go on as the RFC has it; any other row is sent instead and the
  // command has failed. `argument` fills the reply's {}.
  void answer(Reply reply, std::string_view argument = {});
  // The handshake is done. Whatever was known before is forgotten (RFC 3207 section 4.2).
  void tls_started(TlsInfo info);
  // Queue a reply that no command asked for, such as 421 at a time limit or at shutdown, and close.
  void end(Reply reply, std::string_view argument = {});

  [[nodiscard]] std::string take_output();

  // True while no transaction is open and no answer is awaited: a good moment to say goodbye.
  [[nodiscard]] bool at_rest() const;
  [[nodiscard]] const SessionCounts& counts() const;
  [[nodiscard]] const std::string& helo() const;
};

}  // namespace restante::smtpd
