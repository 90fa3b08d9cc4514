// SPDX-License-Identifier: ISC
// Any bytes, cut anywhere: the session answers or ends, delivers to somebody, and sends SMTP.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "smtpd/protocol/session_settings.h"

namespace {

using namespace restante;
using namespace restante::smtpd;

// The first byte of the input chooses settings and the driver's answers.
struct Choices {
  bool tls_required, refuse_sender, refuse_message, refuse_delivery, refuse_recipient;
  config::BareNewline bare_newline;
  explicit Choices(unsigned char bits)
      : tls_required((bits & 1) != 0),
        refuse_sender((bits & 2) != 0),
        refuse_message((bits & 4) != 0),
        refuse_delivery((bits & 8) != 0),
        refuse_recipient((bits & 64) != 0),
        bare_newline(static_cast<config::BareNewline>((bits >> 4U) % 3)) {}
};

struct Outcome {
  std::string output;     // all replies
  std::string delivered;  // all messages
  bool closed = false;
};

class Driver {
 public:
  Driver(const SessionSettings& settings, const Choices& choices)
      : choices_(choices), session_(settings) {
    pump();
  }

  void feed(std::string_view bytes) {
    if (outcome_.closed) return;
    session_.receive(bytes);
    pump();
  }
  [[nodiscard]] const Outcome& outcome() const { return outcome_; }

 private:
  void pump() {
    for (;;) {
      Action action = session_.next_action();
      told_ += session_.extract_refusals().size();
      if (told_ > 100 || told_ > session_.counts().refused) std::abort();
      outcome_.output += session_.extract_output();
      if (std::holds_alternative<Idle>(action)) return;
      if (std::holds_alternative<Close>(action)) {
        outcome_.closed = true;
        return;
      }
      if (std::holds_alternative<StartTls>(action)) session_.tls_started({"TLSv1.3", "x"});
      if (std::holds_alternative<AdmitSender>(action)) answer(choices_.refuse_sender);
      if (std::holds_alternative<AdmitRecipient>(action)) answer(choices_.refuse_recipient);
      if (std::holds_alternative<AdmitMessage>(action)) answer(choices_.refuse_message);
      if (auto* mail = std::get_if<Deliver>(&action)) {
        if (mail->envelope.recipients.empty()) std::abort();
        const bool as_it_came = choices_.bare_newline == config::BareNewline::kKeep;
        if (!as_it_came && !count_bare_newlines(mail->data).none()) std::abort();
        outcome_.delivered += mail->data + "\n--\n";
        answer(choices_.refuse_delivery);
      }
    }
  }
  void answer(bool refuse) { session_.answer(refuse ? Reply::kStoreAway : Reply::kOk); }

  Choices choices_;
  Session session_;
  Outcome outcome_;
  std::size_t told_ = 0;
};

Outcome play(const SessionSettings& settings, const Choices& choices, std::string_view bytes,
             std::size_t piece) {
  Driver driver(settings, choices);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    driver.feed(bytes.substr(0, piece));
  }
  return driver.outcome();
}

// Every line is a reply of RFC 5321 section 4.2, of printable ASCII, of at most 512 octets.
void check_replies(std::string_view output) {
  while (!output.empty()) {
    const std::size_t end = output.find("\r\n");
    if (end == std::string_view::npos || end < 4 || end > 510) std::abort();
    const std::string_view line = output.substr(0, end);
    if (line[0] < '2' || line[0] > '5' || (line[3] != ' ' && line[3] != '-')) std::abort();
    if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) std::abort();
    output.remove_prefix(end + 2);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const Choices choices(data[0]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  SessionSettings settings = session_settings(2000, 3, {.bytes = 1000, .fields = 20, .hops = 5});
  settings.asks_recipients = true;
  settings.domains.emplace_back("example.org");
  settings.bare_newline = choices.bare_newline;
  settings.tls_available = true;
  settings.tls_required = choices.tls_required;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{17}, bytes.size() + 1}) {
    check_replies(play(settings, choices, bytes, piece).output);
  }
  return 0;
}
