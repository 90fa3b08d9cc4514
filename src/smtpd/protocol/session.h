// SPDX-License-Identifier: ISC
// The SMTP conversation of one client (RFC 5321), without input or output: bytes in, replies and
// actions out. It knows no socket, no clock and no store; whoever drives it does what it asks.
//
//   session.receive(bytes);                     // as they come, whole or in drops: same result
//   for (;;) {
//     send(session.extract_output());
//     Action action = session.next_action();    // Idle: read on
//     …do it; then answer() or tls_started()…
//   }
//
// From an action that asks something until its answer the session takes no command; bytes that
// arrive meanwhile are kept, so the driver had better stop reading. Take the greeting before the
// first receive(): whoever talks before it is sent away (RFC 5321 section 3.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "shared/config/config.h"
#include "shared/mail/address.h"
#include "shared/mail/mailbox_name.h"
#include "smtpd/protocol/commands.h"
#include "smtpd/protocol/framing.h"
#include "smtpd/protocol/header_check.h"
#include "smtpd/protocol/parameters.h"
#include "smtpd/protocol/replies.h"

namespace restante::smtpd {

// What the session is told at birth. Views and references outlive the session.
struct SessionSettings {
  std::string hostname;                // in the greeting
  std::vector<std::string> domains;    // ours, lower case
  std::uint64_t message_size_limit;    // bytes
  std::uint64_t recipient_limit;       // per message
  std::uint64_t recipient_size_limit;  // bytes: recipients x size of a message to several
  std::uint64_t error_limit;           // protocol errors until 421
  mail::MailboxCase mailbox_case;      // whether Alice and alice are one recipient
  HeaderLimits header_limits;
  config::BareNewline bare_newline;  // what becomes of one in a message
  bool tls_available;                // STARTTLS is offered
  bool tls_required;                 // 530 until it is used
  bool asks_recipients = false;      // AdmitRecipient comes for each
};

struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
};

struct Envelope {
  mail::Address reverse_path;             // null for <>
  std::vector<mail::Address> recipients;  // each once
  std::string helo;                       // as given
  bool esmtp = false;                     // EHLO, not HELO
  bool smtputf8 = false;
  std::uint64_t declared_size = 0;  // SIZE= of MAIL; 0: not given
  BareNewlines bare_newlines;       // in the message as it came, once it is there
};

// What the driver shall do next.
// Send the output, read on.
struct Idle {};
// Send the output, start the handshake, call tls_started(). Until then receive() takes nothing.
struct StartTls {};
// At MAIL: may mail be taken now? answer().
struct AdmitSender {};
// At RCPT, if SessionSettings say so: may this recipient get mail? answer(). Valid until then.
struct AdmitRecipient {
  const mail::Address& recipient;
};
// At DATA or the first BDAT: may this message come? answer(). The envelope is valid until then.
// Refused, the transaction stays as it was, and the client may send DATA again later; BDAT ends it.
struct AdmitMessage {
  const Envelope& envelope;
};
// answer() once it is stored, or not.
struct Deliver {
  Envelope envelope;
  std::string data;  // dots unstuffed; lines end as they came; of BDAT all octets
};
// Send the output, close.
struct Close {};
using Action =
    std::variant<Idle, StartTls, AdmitSender, AdmitRecipient, AdmitMessage, Deliver, Close>;

// Of commands that would have moved a mail, and of messages: by kind of reply.
struct RefusalCounts {
  std::uint32_t for_now = 0, for_good = 0;       // 4yz, 5yz
  std::uint32_t deferred = 0, rate_limited = 0;  // of the former: 451 and 452; 450
};

// Counts for the closing log line.
struct SessionCounts {
  std::uint32_t commands = 0;    // lines, good and bad
  std::uint32_t errors = 0;      // 5yz replies
  std::uint32_t messages = 0;    // stored
  std::uint32_t recipients = 0;  // taken at RCPT
  std::uint32_t refused = 0;     // commands that would have moved a mail, and messages
};

// A command that would have moved a mail, and was not taken: for the log, so that whoever looks for
// a mail finds it.
struct Refusal {
  Reply reply;
  std::string told;     // the line that the client was sent
  std::string command;  // as it came; for the end of a message DATA or BDAT
  std::string from;     // the sender of the transaction, if there was one when it came
};

class Session {
 public:
  explicit Session(const SessionSettings& settings);  // queues the 220 greeting
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void receive(std::string_view bytes);
  [[nodiscard]] Action next_action();

  // Reply::kOk lets the session go on as the RFC has it; any other row is sent instead and the
  // command has failed. `argument` fills the reply's {}.
  void answer(Reply reply, std::string_view argument = {});
  // The handshake is done. Whatever was known before is forgotten (RFC 3207 section 4.2).
  void tls_started(TlsInfo info);
  // Queue a reply that no command asked for, such as 421 at a time limit or at shutdown, and close.
  void end(Reply reply, std::string_view argument = {});

  [[nodiscard]] std::string extract_output();

  // True while no transaction is open and no answer is awaited: a good moment to say goodbye.
  [[nodiscard]] bool at_rest() const;
  // A message is on its way: bytes are its content, and no reply is due before its end.
  [[nodiscard]] bool receiving() const {
    return asked_ == Ask::kNothing && (state_ == State::kData || chunk_.has_value());
  }
  // The reply with which the session ended the conversation, if it has.
  [[nodiscard]] std::optional<Reply> ended_with() const { return ended_with_; }
  [[nodiscard]] const SessionCounts& counts() const { return counts_; }
  [[nodiscard]] const std::string& helo() const { return helo_; }
  [[nodiscard]] const std::optional<TlsInfo>& tls() const { return tls_; }
  // Bytes of message data held, for whoever adds up what is in flight; and of its envelope
  // and what was sent behind it.
  [[nodiscard]] std::size_t held() const { return data_.held() + chunks_.held() + message_.size(); }
  [[nodiscard]] std::size_t envelope_held() const {
    return recipient_names_.size() * kRecipientCost + lines_.waiting().size();
  }
  // What was refused since the last call, all of it.
  [[nodiscard]] RefusalCounts extract_refusal_counts() {
    return std::exchange(refusal_counts_, {});
  }
  // The same, in order; of one session only the first hundred.
  [[nodiscard]] std::vector<Refusal> extract_refusals() { return std::exchange(refusals_, {}); }

 private:
  static constexpr std::size_t kRecipientCost =
      1024;  // the longest address twice, and what is kept

  friend struct Commands;
  // Whose turn it is: the driver's, as long as something was asked.
  enum class Ask : std::uint8_t { kNothing, kSender, kTls, kRecipient, kMessage, kDelivery };

  // The chunk that is being read, or is about to be, and what will be said at its end.
  struct OpenChunk {
    Chunk chunk;
    Reply verdict;
    std::string argument;
  };

  void reply(Reply reply, std::string_view argument = {});
  void reply_and_close(Reply reply, std::string_view argument = {});
  void ask(Ask question) { asked_ = question; }
  void reset_transaction();
  void close();
  void count_refusal(Reply reply);
  void note_refusal(Reply reply, std::string_view told);

  [[nodiscard]] bool run_next_line();
  void run_command(std::string_view line);
  [[nodiscard]] std::optional<Reply> objection(const CommandRow& row,
                                               std::string_view arguments) const;
  [[nodiscard]] std::optional<Reply> wait_limit_reached() const;
  void read_data(std::string_view& bytes);
  void end_message(std::string data);
  // Whether a message of so many bytes may go to so many recipients.
  [[nodiscard]] bool fits(std::uint64_t size, std::size_t recipients) const;
  void refuse_message(Reply refusal);
  void begin_chunk(Chunk chunk, std::optional<Reply> objection);
  [[nodiscard]] Reply judge(Chunk chunk) const;
  void open_chunk(Reply verdict, std::string_view argument);
  void read_chunk(std::string_view& bytes);
  void close_chunk();
  void answer_recipient(Reply reply, std::string_view argument);
  void answer_message(Reply reply, std::string_view argument);
  void answer_first_chunk(Reply verdict, std::string_view argument);
  void answer_delivery(Reply reply, std::string_view argument);

  const SessionSettings& settings_;
  State state_ = State::kFresh;
  Ask asked_ = Ask::kNothing;
  bool told_ = false;            // the driver knows what was asked
  bool greeting_taken_ = false;  // by the driver
  bool esmtp_ = false;
  std::string helo_;
  std::optional<TlsInfo> tls_;
  Envelope envelope_;
  std::unordered_set<std::string> recipient_names_;  // of the envelope's recipients
  LineReader lines_;
  DataReader data_;
  ChunkReader chunks_;
  std::optional<OpenChunk> chunk_;
  std::string message_;              // whole, on its way to the driver
  const CommandRow* row_ = nullptr;  // of the command that the next reply is for
  std::string command_, sender_;     // … as it came, if it moves a mail, and whose mail
  RefusalCounts refusal_counts_;
  std::vector<Refusal> refusals_;
  std::uint32_t noted_ = 0;  // of them, in all
  std::optional<Reply> ended_with_;
  std::string output_;
  SessionCounts counts_;
  std::uint64_t errors_ = 0;     // since the last message stored, as is the next
  std::uint64_t idle_talk_ = 0;  // commands that bring no mail nearer
};

}  // namespace restante::smtpd
