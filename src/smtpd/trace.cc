// SPDX-License-Identifier: ISC
#include "smtpd/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <utility>

#include "shared/base/ascii.h"
#include "shared/base/utf8.h"

namespace restante::smtpd {
namespace {

// As much of a client's word as a header line takes (RFC 5322 section 2.1.1 wants 78, allows 998).
constexpr std::size_t kLongestWord = 255;
constexpr std::size_t kUsualSize = 512;

// Printable ASCII without what has a meaning in comments and between fields.
std::string plain(std::string_view text) {
  constexpr std::string_view kSpecial = "()<>[]\\\",;";
  std::string result(text.substr(0, kLongestWord));
  for (char& c : result) {
    if (c <= ' ' || c > '~' || kSpecial.find(c) != std::string_view::npos) c = '?';
  }
  return result;
}

// address-literal of RFC 5321 section 4.1.3.
std::string literal(std::string_view address) {
  const bool ipv6 = address.find(':') != std::string_view::npos;
  return fmt::format("[{}{}]", ipv6 ? "IPv6:" : "", address);
}

// The with-protocol types of RFC 3848 and RFC 6531 section 4.3.
std::string_view protocol(const Envelope& envelope, bool tls) {
  if (envelope.smtputf8) return tls ? "UTF8SMTPS" : "UTF8SMTP";
  if (envelope.esmtp) return tls ? "ESMTPS" : "ESMTP";
  return tls ? "SMTPS" : "SMTP";
}

// date-time of RFC 5322 section 3.3.
std::string date(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  const std::size_t length =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S +0000", &utc);
  return {text.data(), length};
}

constexpr std::string_view kReturnPath = "Return-Path:";

// The end of the field that begins at `start`: its folded lines are part of it.
std::size_t end_of_field(std::string_view data, std::size_t start) {
  for (std::size_t at = start;;) {
    const std::size_t lf = data.find('\n', at);
    if (lf == std::string_view::npos) return data.size();
    at = lf + 1;
    if (at >= data.size() || (data[at] != ' ' && data[at] != '\t')) return at;
  }
}

}  // namespace

std::string trace_header(const Arrival& arrival) {
  const Envelope& envelope = arrival.envelope;
  const bool tls = !arrival.tls.version.empty();
  std::string header;
  header.reserve(kUsualSize);
  fmt::format_to(std::back_inserter(header), "Return-Path: <{}>\r\n", envelope.reverse_path.text());
  fmt::format_to(std::back_inserter(header), "Received: from {} ({})\r\n", plain(envelope.helo),
                 literal(arrival.client_address));
  fmt::format_to(std::back_inserter(header), "\tby {} (restante) with {} id {}", arrival.hostname,
                 protocol(envelope, tls), arrival.id);
  if (tls) {
    fmt::format_to(std::back_inserter(header), "\r\n\t({} {})", arrival.tls.version,
                   arrival.tls.cipher);
  }
  // With several recipients the field would tell each of the others (section 7.6).
  if (envelope.recipients.size() == 1) {
    fmt::format_to(std::back_inserter(header), "\r\n\tfor <{}>",
                   envelope.recipients.front().text());
  }
  fmt::format_to(std::back_inserter(header), ";\r\n\t{}\r\n", date(arrival.time));
  return header;
}

mail::Transport transport_of(const Arrival& arrival) {
  const bool tls = !arrival.tls.version.empty();
  mail::Transport transport{.client_ip = std::string(arrival.client_address),
                            .helo = arrival.envelope.helo,
                            .protocol = std::string(protocol(arrival.envelope, tls)),
                            .tls_version = arrival.tls.version,
                            .tls_cipher = arrival.tls.cipher};
  const bool is_utf8 = is_valid_utf8(transport.helo);
  for (char& c : transport.helo) {
    if (c == '\0' || (!is_utf8 && static_cast<unsigned char>(c) >= 0x80)) c = '?';
  }
  return transport;
}

// In one pass, whose cost does not depend on how many there are.
std::string without_return_path(std::string data) {
  std::size_t at = 0, kept = 0;
  while (at < data.size()) {
    const std::string_view rest = std::string_view(data).substr(at);
    if (rest.starts_with("\r\n") || rest.starts_with('\n')) break;  // the header has ended
    const std::size_t end = end_of_field(data, at);
    if (!equal_ignoring_case(rest.substr(0, kReturnPath.size()), kReturnPath)) {
      if (kept != at) std::memmove(data.data() + kept, data.data() + at, end - at);
      kept += end - at;
    }
    at = end;
  }
  return data.erase(kept, at - kept);
}

}  // namespace restante::smtpd
