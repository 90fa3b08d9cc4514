// SPDX-License-Identifier: ISC
// The SMTP session for a program of another language: it says what comes, and hears what came of
// it. session.py is the other end.
//
// On standard input, numbers in the order of this machine:
//
//   N settings(u8)          a new session: bit 0 TLS is required, bit 1 it is offered
//   A answers(u8)           what the driver answers from here on: bit 0 refuses senders, bit 1
//                           messages at DATA and BDAT, bit 2 deliveries
//   B size(u32) bytes       what comes in one read
//
// On standard output, for each N and B:
//
//   size(u32) output closed(u8) deliveries(u8), and for each of those
//   size(u32) envelope size(u32) data
//
// The envelope is the addresses, sender first, with blanks between them.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "smtpd/protocol/session_settings.h"

namespace {

using namespace restante::smtpd;

template <class Number>
bool get(Number& number) {
  return std::fread(&number, sizeof number, 1, stdin) == 1;
}

template <class Number>
void append(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

SessionSettings settings_of(unsigned bits) {
  SessionSettings settings = session_settings(2048, 3, {.bytes = 1024, .fields = 100, .hops = 100});
  settings.tls_available = (bits & 2U) != 0;
  settings.tls_required = (bits & 1U) != 0;
  return settings;
}

class Driver {
 public:
  explicit Driver(unsigned settings) : settings_(settings_of(settings)), session_(settings_) {}

  void receive(std::string_view bytes) { session_.receive(bytes); }
  // All that follows from what was received, as a report.
  std::string pump(unsigned answers) {
    std::string output, mails;
    std::uint8_t closed = 0, count = 0;
    for (;;) {
      const Action action = session_.next_action();
      output += session_.extract_output();
      if (std::holds_alternative<Close>(action)) closed = 1;
      if (std::holds_alternative<Close>(action) || std::holds_alternative<Idle>(action)) break;
      if (std::holds_alternative<StartTls>(action)) session_.tls_started({"TLSv1.3", "x"});
      if (std::holds_alternative<AdmitSender>(action)) answer((answers & 1U) != 0);
      if (std::holds_alternative<AdmitMessage>(action)) answer((answers & 2U) != 0);
      if (const auto* mail = std::get_if<Deliver>(&action)) {
        ++count;
        append_mail(mails, *mail);
        answer((answers & 4U) != 0);
      }
    }
    std::string report;
    append_text(report, output);
    append(report, closed);
    append(report, count);
    return report + mails;
  }

 private:
  void answer(bool refuse) { session_.answer(refuse ? Reply::kStoreAway : Reply::kOk); }
  static void append_mail(std::string& out, const Deliver& mail) {
    std::string envelope = mail.envelope.reverse_path.text();
    for (const auto& recipient : mail.envelope.recipients) envelope += " " + recipient.text();
    append_text(out, envelope);
    append_text(out, mail.data);
  }

  SessionSettings settings_;
  Session session_;
};

}  // namespace

int main() {
  std::unique_ptr<Driver> driver;
  std::uint8_t kind = 0, bits = 0, answers = 0;
  while (get(kind)) {
    if (kind == 'B') {
      std::uint32_t size = 0;
      if (!get(size) || driver == nullptr) return EXIT_FAILURE;
      // A block of exactly that size, so that a sanitizer sees a byte too far.
      const std::unique_ptr<char[]> bytes(new char[size]);
      if (std::fread(bytes.get(), 1, size, stdin) != size) return EXIT_FAILURE;
      driver->receive({bytes.get(), size});
    } else {
      if (!get(bits)) return EXIT_FAILURE;
      if (kind == 'A') answers = bits;
      if (kind == 'N') driver = std::make_unique<Driver>(bits);
    }
    if (kind == 'A') continue;
    const std::string report = driver->pump(answers);
    std::fwrite(report.data(), 1, report.size(), stdout);
  }
  return EXIT_SUCCESS;
}
