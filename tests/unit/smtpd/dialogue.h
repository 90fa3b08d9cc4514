// SPDX-License-Identifier: ISC
// Reads the dialogues of tests/golden/smtp.
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
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/file.h"
#include "smtpd/protocol/session_settings.h"

namespace restante::smtpd {

struct Step {
  char kind;  // the letter of the line
  std::string text;
  int line;
};

struct Dialogue {
  std::string name;
  SessionSettings settings = session_settings(102400);
  bool only_whole = false;
  bool early = false;
  std::vector<Step> steps;
  std::string fault;  // why the file could not be read
};

inline std::string unescape(std::string_view text) {
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

inline std::string escape(std::string_view text) {
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

inline std::optional<restante::config::BareNewline> newline_choice(std::string_view value) {
  if (value == "keep") return restante::config::BareNewline::kKeep;
  if (value == "normalize") return restante::config::BareNewline::kNormalize;
  if (value == "reject") return restante::config::BareNewline::kReject;
  return {};
}

inline bool set(Dialogue& dialogue, std::string_view name, const std::string& value) {
  SessionSettings& settings = dialogue.settings;
  if (name == "tls") {
    settings.tls_available = value != "off";
    settings.tls_required = value == "required";
    return value == "off" || value == "optional" || value == "required";
  }
  if (name == "case") {
    const bool keep = value == "keep";
    settings.mailbox_case =
        keep ? restante::mail::MailboxCase::kKeep : restante::mail::MailboxCase::kFold;
    return keep || value == "fold";
  }
  if (name == "newlines") {
    const auto choice = newline_choice(value);
    settings.bare_newline = choice.value_or(restante::config::BareNewline::kKeep);
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
inline bool take_setting(Dialogue& dialogue, std::string_view line) {
  const std::size_t colon = line.find(": ");
  if (!line.starts_with("# ") || colon == line.npos) return true;
  const std::string_view name = line.substr(2, colon - 2);
  if (!std::ranges::all_of(name, [](unsigned char c) { return std::islower(c) != 0; })) return true;
  return set(dialogue, name, std::string(line.substr(colon + 2)));
}

inline Dialogue read(const std::filesystem::path& path) {
  Dialogue dialogue;
  dialogue.name = path.stem();
  dialogue.settings.domains = {"example.com", "example.org", "xn--fsq.test"};
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

inline std::vector<Dialogue> read_all(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".smtp") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Dialogue> dialogues;
  for (const auto& file : files) dialogues.push_back(read(file));
  return dialogues;
}

}  // namespace restante::smtpd
