// SPDX-License-Identifier: ISC
// Plays the dialogues of tests/golden/smtp: whole, in drops of 1 and of 3, with the same outcome.
//
// A dialogue is a text file; its first line is "# " and a sentence, the name of the test. Lines:
//
//   # anything        a comment; "# name: value" is a setting and must be a known one:
//                     tls: off (default) | optional | required
//                     size: 102400, recipients: 100, errors: 20 (the limits, with their defaults)
//                     case: fold (default) | keep     whether Alice and alice are one recipient
//                     newlines: keep (default) | normalize | reject    bare CR and LF in a message
//                     play: whole   what it shows depends on what comes in one segment
//                     play: early   the same, and the first segment comes before the greeting
//   C: text           what the client sends, and CRLF; with a "\" at the end: without CRLF.
//                     C: lines with nothing between them come in one segment.
//   S: text           a line of the answer, CRLF not written; all that is sent must be listed
//   D: sender recipient… | data      a message that was delivered; "<>" is the null sender, and an
//                     empty message has nothing behind the bar
//   H: text           a line of what is stored of that message, from the top on: the trace header
//                     that it gets from a client at 192.0.2.1, then its own
//   A: sender|message|store reply [argument]   the driver's next answer; without it: ok
//   T:                the TLS handshake takes place
//   E: reply          the driver ends the session
//   X:                the connection is closed by the server, which must not happen without it
//
// In C:, S:, D: and H: lines \r \n \t \0 \\ \xNN stand for bytes and \{text*N} for N times the
// text.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "smtpd/session.h"
#include "smtpd/trace.h"
#include "testing.h"

namespace {

using namespace restante::smtpd;

struct Step {
  char kind;  // the letter of the line
  std::string text;
  int line;
};

struct Dialogue {
  std::string name;
  SessionSettings settings{.hostname = "mx.test",
                           .domains = {"example.com", "example.org", "xn--fsq.test"},
                           .message_size_limit = 102400,
                           .recipient_limit = 100,
                           .error_limit = 20,
                           .mailbox_case = restante::MailboxCase::kFold,
                           .header_limits = {.bytes = 262144, .fields = 2000, .hops = 100},
                           .bare_newline = restante::BareNewline::kKeep,
                           .tls_available = false,
                           .tls_required = false};
  bool only_whole = false;
  bool early = false;
  std::vector<Step> steps;
  std::string fault;  // why the file could not be read
};

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'r') out += '\r';
    if (c == 'n') out += '\n';
    if (c == 't') out += '\t';
    if (c == '0') out += '\0';
    if (c == '\\') out += '\\';
    if (c == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    }
    if (c == '{') {
      const std::size_t star = text.find('*', i), end = text.find('}', i);
      const std::string unit = unescape(text.substr(i + 1, star - i - 1));
      for (int n = std::stoi(std::string(text.substr(star + 1))); n > 0; --n) out += unit;
      i = end;
    }
  }
  return out;
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 200)) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (c < ' ' || c > '~') {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return text.size() > 200 ? out + "…" : out;
}

std::optional<restante::BareNewline> newline_choice(std::string_view value) {
  if (value == "keep") return restante::BareNewline::kKeep;
  if (value == "normalize") return restante::BareNewline::kNormalize;
  if (value == "reject") return restante::BareNewline::kReject;
  return {};
}

bool set(Dialogue& dialogue, std::string_view name, const std::string& value) {
  SessionSettings& settings = dialogue.settings;
  if (name == "tls") {
    settings.tls_available = value != "off";
    settings.tls_required = value == "required";
    return value == "off" || value == "optional" || value == "required";
  }
  if (name == "case") {
    const bool keep = value == "keep";
    settings.mailbox_case = keep ? restante::MailboxCase::kKeep : restante::MailboxCase::kFold;
    return keep || value == "fold";
  }
  if (name == "newlines") {
    const auto choice = newline_choice(value);
    settings.bare_newline = choice.value_or(restante::BareNewline::kKeep);
    return choice.has_value();
  }
  if (name == "play") {
    dialogue.only_whole = true;
    dialogue.early = value == "early";
    return value == "whole" || value == "early";
  }
  auto* limit = name == "size"         ? &settings.message_size_limit
                : name == "recipients" ? &settings.recipient_limit
                : name == "errors"     ? &settings.error_limit
                                       : nullptr;
  if (limit != nullptr) *limit = std::stoull(value);
  return limit != nullptr;
}

// "# name: value", where the name is one lower-case word.
bool take_setting(Dialogue& dialogue, std::string_view line) {
  const std::size_t colon = line.find(": ");
  if (!line.starts_with("# ") || colon == line.npos) return true;
  const std::string_view name = line.substr(2, colon - 2);
  if (!std::ranges::all_of(name, [](unsigned char c) { return std::islower(c) != 0; })) return true;
  return set(dialogue, name, std::string(line.substr(colon + 2)));
}

Dialogue read(const std::filesystem::path& path) {
  Dialogue dialogue;
  dialogue.name = path.stem();
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (number == 1) dialogue.name += " " + line.substr(std::min<std::size_t>(line.size(), 2));
    if (line.empty()) continue;
    const bool step =
        line.size() >= 2 && line[1] == ':' && std::string_view("CSDHATEX").contains(line[0]);
    if (step) {
      dialogue.steps.push_back({line[0], line.size() > 3 ? line.substr(3) : "", number});
    } else if (line[0] != '#' || !take_setting(dialogue, line)) {
      dialogue.fault = fmt::format("line {}: not understood: {}", number, line);
    }
  }
  if (dialogue.steps.empty()) dialogue.fault = "no dialogue";
  return dialogue;
}

struct Delivered {
  std::string line;    // as in D:
  std::string stored;  // with its trace header
};

struct Answer {
  Reply reply = Reply::kOk;
  std::string argument;
};

Reply reply_named(std::string_view name) {
  for (auto i = 0U; i <= static_cast<unsigned>(Reply::kUnknownParameter); ++i) {
    if (reply_row(static_cast<Reply>(i)).name == name) return static_cast<Reply>(i);
  }
  throw std::runtime_error("no such reply: " + std::string(name));
}

// What is wrong with a line of a reply, whatever the dialogue (RFC 2034 section 4, RFC 5321 section
// 4.5.3.1.5): the class of the enhanced code, which all have but greetings and 3yz; length; bytes.
std::string fault_of_reply(std::string_view line, bool of_hello) {
  if (line.size() > 512) return "reply too long";
  if (std::ranges::any_of(line, [](char c) { return c < ' ' || c > '~'; })) return "bytes in reply";
  if (of_hello || line.starts_with('3') || line.starts_with("220 mx")) return {};
  const bool enhanced = line.size() > 6 && line[4] == line[0] && line[5] == '.';
  return enhanced ? "" : "no enhanced code: " + std::string(line);
}

// A driver that does at once what the session asks, and the checks.
class Player {
 public:
  Player(const Dialogue& dialogue, std::size_t drop)
      : dialogue_(dialogue), drop_(drop), session_(dialogue.settings) {
    if (!dialogue.early) pump();
  }

  // What went wrong; "" if nothing did.
  std::string play() {
    for (const Step& step : dialogue_.steps) {
      const std::string fault = take(step);
      if (!fault.empty()) return fmt::format("line {}: {}", step.line, fault);
    }
    send();
    if (!output_.empty()) return "at the end, also sent: " + escape(output_);
    if (!delivered_.empty())
      return "at the end, also delivered: " + escape(delivered_.front().line);
    if (closed_ != seen_closed_) return "at the end: closed";
    return {};
  }

 private:
  std::string take(const Step& step) {
    if (step.kind == 'C') {
      std::string_view text = step.text;
      const std::size_t tail = text.size() - (text.find_last_not_of('\\') + 1);
      const bool raw = tail % 2 == 1;
      if (raw) text.remove_suffix(1);
      if (!segment_open_ && !output_.empty()) return "before it was also sent: " + escape(output_);
      segment_open_ = true;
      segment_ += unescape(text) + (raw ? "" : "\r\n");
      return {};
    }
    send();
    switch (step.kind) {
      case 'S':
        return expect_line(unescape(step.text) + "\r\n");
      case 'D':
        return expect_delivery(step.text);
      case 'H':
        return expect_stored_line(unescape(step.text) + "\r\n");
      case 'A':
        return set_answer(step.text);
      case 'T':
        if (!tls_asked_) return "TLS was not asked for";
        tls_asked_ = false;
        session_.tls_started({"TLSv1.3", "TLS_AES_256_GCM_SHA384"});
        pump();
        return {};
      case 'E':
        session_.end(reply_named(step.text));
        pump();
        return {};
      default:
        seen_closed_ = true;
        return closed_ ? "" : "is not closed";
    }
  }

  void send() {
    segment_open_ = false;
    const std::string segment = std::exchange(segment_, {});
    for (std::size_t at = 0; at < segment.size() && !closed_; at += drop_) {
      const std::size_t size = std::min(drop_, segment.size() - at);
      session_.receive(Exact(std::string_view(segment).substr(at, size)).view());
      pump();
    }
  }

  void pump() {
    while (true) {
      const Action action = session_.next_action();
      output_ += session_.take_output();
      if (std::holds_alternative<Idle>(action)) return;
      if (std::holds_alternative<Close>(action)) {
        closed_ = true;
        return;
      }
      if (std::holds_alternative<StartTls>(action)) tls_asked_ = true;
      if (std::holds_alternative<AdmitSender>(action)) give(sender_);
      if (std::holds_alternative<AdmitMessage>(action)) give(message_);
      if (const auto* mail = std::get_if<Deliver>(&action)) {
        delivered_.push_back({line_of(*mail), stored(*mail)});
        give(store_);
      }
    }
  }

  void give(Answer& answer) {
    const Answer now = std::exchange(answer, {});
    session_.answer(now.reply, now.argument);
  }

  static std::string line_of(const Deliver& mail) {
    const std::string sender = mail.envelope.reverse_path.text();
    std::string line = sender.empty() ? "<>" : sender;
    for (const auto& recipient : mail.envelope.recipients) line += " " + recipient.text();
    return line + (mail.data.empty() ? " |" : " | " + mail.data);
  }

  [[nodiscard]] std::string stored(const Deliver& mail) const {
    return trace_header({.envelope = mail.envelope,
                         .client_address = "192.0.2.1",
                         .hostname = "mx.test",
                         .id = "1.1",
                         .tls = session_.tls().value_or(TlsInfo{}),
                         .time = std::chrono::sys_days(std::chrono::January / 1 / 2026)}) +
           without_return_path(mail.data);
  }

  std::string expect_line(const std::string& line) {
    if (output_.starts_with(line)) {
      std::string_view left = line;
      while (!left.empty()) {
        const std::string_view one = left.substr(0, left.find("\r\n"));
        const bool hello = in_hello_ || one.starts_with("250-") || one == "250 mx.test";
        if (auto fault = fault_of_reply(one, hello); !fault.empty()) return fault;
        in_hello_ = one.starts_with("250-");
        left.remove_prefix(one.size() + 2);
      }
      output_.erase(0, line.size());
      return {};
    }
    return fmt::format("expected {} but got {}", escape(line), escape(output_));
  }

  std::string expect_delivery(std::string_view text) {
    const std::string expected = unescape(text);
    if (delivered_.empty()) return "nothing was delivered";
    const std::string got = delivered_.front().line;
    stored_ = delivered_.front().stored;
    delivered_.pop_front();
    if (got == expected) return {};
    return fmt::format("expected {} but got {}", escape(expected), escape(got));
  }

  std::string expect_stored_line(const std::string& line) {
    const std::string got = stored_.substr(0, stored_.find('\n') + 1);
    stored_.erase(0, got.size());
    if (got == line) return {};
    return fmt::format("expected {} but stored was {}", escape(line), escape(got));
  }

  std::string set_answer(const std::string& text) {
    const std::size_t space = text.find(' ');
    const std::size_t second = std::min(text.find(' ', space + 1), text.size());
    const std::string who = text.substr(0, space);
    Answer& answer = who == "sender" ? sender_ : who == "message" ? message_ : store_;
    answer.reply = reply_named(text.substr(space + 1, second - space - 1));
    answer.argument = text.substr(std::min(second + 1, text.size()));
    return who == "sender" || who == "message" || who == "store" ? "" : "who answers?";
  }

  const Dialogue& dialogue_;
  std::size_t drop_;
  Session session_;
  std::string segment_, output_;
  bool in_hello_ = false;
  bool segment_open_ = false, tls_asked_ = false, closed_ = false, seen_closed_ = false;
  Answer sender_, message_, store_;
  std::deque<Delivered> delivered_;
  std::string stored_;  // of the last message that was expected, the lines that were not
};

bool plays_well(const Dialogue& dialogue) {
  if (!dialogue.fault.empty()) {
    print_error("%s: %s\n", dialogue.name.c_str(), dialogue.fault.c_str());
    return false;
  }
  bool well = true;
  for (const std::size_t drop : {SIZE_MAX / 2, std::size_t{1}, std::size_t{3}}) {
    const std::string fault = Player(dialogue, drop).play();
    if (!fault.empty()) {
      const std::string how = drop < 100 ? fmt::format("in drops of {}", drop) : "whole";
      print_error("%s, %s: %s\n", dialogue.name.c_str(), how.c_str(), fault.c_str());
      well = false;
    }
    if (dialogue.only_whole) break;
  }
  return well;
}

void play_dialogue(void** state) { assert_true(plays_well(*static_cast<const Dialogue*>(*state))); }

std::vector<Dialogue> read_all(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".smtp") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Dialogue> dialogues;
  for (const auto& file : files) dialogues.push_back(read(file));
  return dialogues;
}

}  // namespace

int main() {
  const char* golden = std::getenv("RESTANTE_GOLDEN");
  std::vector<Dialogue> dialogues =
      read_all(std::filesystem::path(golden != nullptr ? golden : "tests/golden") / "smtp");
  std::vector<CMUnitTest> tests;
  for (Dialogue& dialogue : dialogues) {
    tests.push_back({dialogue.name.c_str(), play_dialogue, nullptr, nullptr, &dialogue});
  }
  if (tests.empty()) return EXIT_FAILURE;
  return _cmocka_run_group_tests("golden", tests.data(), tests.size(), nullptr, nullptr);
}
