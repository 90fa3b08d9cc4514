// SPDX-License-Identifier: ISC
// Plays the dialogues of tests/golden/smtp: whole, in drops of 1 and of 3, and with every segment
// cut at each place in turn, with the same outcome. With GOLDEN_CUTS=2 in the environment also at
// each two places; with GOLDEN_CUTS=0 only whole and in drops, which runs the same lines.
//
// dialogue.h has the format.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialogue.h"
#include "shared/base/file.h"
#include "smtpd/protocol/session.h"
#include "smtpd/trace.h"
#include "testing.h"

namespace {

using namespace restante::smtpd;

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

// How the network cuts each segment: into drops, or at these places.
struct Cuts {
  std::size_t drop = SIZE_MAX / 2;
  std::size_t first = SIZE_MAX, second = SIZE_MAX;

  // The end of the piece that begins at `at`.
  [[nodiscard]] std::size_t end_of(std::size_t at, std::size_t size) const {
    std::size_t end = std::min(at + drop, size);
    if (at < first) end = std::min(end, first);
    if (at < second) end = std::min(end, second);
    return end;
  }
  [[nodiscard]] std::string text() const {
    if (drop < 100) return fmt::format("in drops of {}", drop);
    if (first == SIZE_MAX) return "whole";
    if (second == SIZE_MAX) return fmt::format("cut at {}", first);
    return fmt::format("cut at {} and {}", first, second);
  }
};

// A driver that does at once what the session asks, and the checks.
class Player {
 public:
  Player(const Dialogue& dialogue, const Cuts& cuts)
      : dialogue_(dialogue), cuts_(cuts), session_(dialogue.settings) {
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

  [[nodiscard]] std::size_t longest_segment() const { return longest_; }

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
    longest_ = std::max(longest_, segment.size());
    for (std::size_t at = 0; at < segment.size() && !closed_;) {
      const std::size_t end = cuts_.end_of(at, segment.size());
      session_.receive(Exact(std::string_view(segment).substr(at, end - at)).view());
      at = end;
      pump();
    }
  }

  void pump() {
    while (true) {
      const Action action = session_.next_action();
      output_ += session_.extract_output();
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
  Cuts cuts_;
  std::size_t longest_ = 0;  // segment
  Session session_;
  std::string segment_, output_;
  bool in_hello_ = false;
  bool segment_open_ = false, tls_asked_ = false, closed_ = false, seen_closed_ = false;
  Answer sender_, message_, store_;
  std::deque<Delivered> delivered_;
  std::string stored_;  // of the last message that was expected, the lines that were not
};

// Long segments are all filling behind this.
constexpr std::size_t kLastCut = 300, kLastOfTwo = 120;

bool plays_well(const Dialogue& dialogue, const Cuts& cuts) {
  const std::string fault = Player(dialogue, cuts).play();
  if (!fault.empty()) {
    print_error("%s, %s: %s\n", dialogue.name.c_str(), cuts.text().c_str(), fault.c_str());
  }
  return fault.empty();
}

bool plays_well_cut_at_two_places(const Dialogue& dialogue, std::size_t longest) {
  for (std::size_t first = 1; first < std::min(longest, kLastOfTwo); ++first) {
    for (std::size_t second = first + 1; second < std::min(longest, kLastOfTwo); ++second) {
      if (!plays_well(dialogue, {.first = first, .second = second})) return false;
    }
  }
  return true;
}

bool plays_well(const Dialogue& dialogue) {
  if (!dialogue.fault.empty()) {
    print_error("%s: %s\n", dialogue.name.c_str(), dialogue.fault.c_str());
    return false;
  }
  if (!plays_well(dialogue, {})) return false;
  if (dialogue.only_whole) return true;
  for (const std::size_t drop : {1, 3}) {
    if (!plays_well(dialogue, {.drop = drop})) return false;
  }
  const char* variable = std::getenv("GOLDEN_CUTS");
  const std::string_view cuts = variable != nullptr ? variable : "1";
  if (cuts == "0") return true;
  Player whole(dialogue, {});
  (void)whole.play();
  const std::size_t longest = whole.longest_segment();
  for (std::size_t first = 1; first < std::min(longest, kLastCut); ++first) {
    if (!plays_well(dialogue, {.first = first})) return false;
  }
  return cuts != "2" || plays_well_cut_at_two_places(dialogue, longest);
}

const std::vector<Dialogue> kDialogues = [] {
  const char* golden = std::getenv("RESTANTE_GOLDEN");
  return read_all(std::filesystem::path(golden != nullptr ? golden : "tests/golden") / "smtp");
}();
TEST_EACH(play_dialogue, kDialogues, name) { assert_true(plays_well(row)); }

}  // namespace
