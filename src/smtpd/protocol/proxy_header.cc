// SPDX-License-Identifier: ISC
#include "smtpd/protocol/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <string>

#include "shared/base/number.h"

namespace restante::smtpd {
namespace {

using Status = ProxyHeader::Status;

constexpr std::string_view kLine = "PROXY ";
constexpr std::size_t kMaxLine = 107;  // CRLF included, section 2.1
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixed = 16;  // signature, version and command, family, length

constexpr ProxyHeader kMore{};
constexpr ProxyHeader kBad{.status = Status::kBad};

// Whether the two agree as far as both go.
bool may_become(std::string_view bytes, std::string_view start) {
  const std::size_t common = std::min(bytes.size(), start.size());
  return bytes.substr(0, common) == start.substr(0, common);
}

net::ClientAddress make_client(int family, const void* bytes) {
  return family == AF_INET ? net::describe_ipv4(bytes) : net::describe_ipv6(bytes);
}

// Words are separated by exactly one space.
std::string_view next_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

// Section 2.1: decimal, without leading zeros.
bool is_port(std::string_view word) {
  return parse_number<std::uint16_t>(word) && (word.size() == 1 || word.front() != '0');
}

// "TCP4" or "TCP6", source, destination, both ports.
std::optional<net::ClientAddress> parse_addresses(std::string_view line) {
  const std::string_view protocol = next_word(line);
  if (protocol != "TCP4" && protocol != "TCP6") return std::nullopt;
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  in6_addr source{}, destination{};
  for (in6_addr* address : {&source, &destination}) {
    if (inet_pton(family, std::string(next_word(line)).c_str(), address) != 1) return std::nullopt;
  }
  const std::string_view source_port = next_word(line);
  if (!is_port(source_port) || !is_port(line)) return std::nullopt;  // nothing behind the second
  return make_client(family, &source);
}

ProxyHeader parse_line(std::string_view bytes) {
  const std::string_view start = bytes.substr(0, kMaxLine);
  const std::size_t lf = start.find('\n');
  if (lf == std::string_view::npos) return start.size() == kMaxLine ? kBad : kMore;
  if (start[lf - 1] != '\r') return kBad;
  std::string_view line = start.substr(kLine.size(), lf - 1 - kLine.size());
  // An address has no NUL; inet_pton would stop there.
  if (line.find('\0') != std::string_view::npos) return kBad;
  ProxyHeader header{.status = Status::kDone, .size = lf + 1, .client = {}};
  // What is behind UNKNOWN has to be ignored.
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return header;
  header.client = parse_addresses(line);
  return header.client ? header : kBad;
}

// Section 2.2: what is known of address families, by the upper four bits.
struct FamilyRow {
  int family;  // AF_UNSPEC: nothing that could be a client's address
  std::size_t address, block;
};
constexpr std::array kFamilies = {FamilyRow{AF_UNSPEC, 0, 0}, FamilyRow{AF_INET, 4, 12},
                                  FamilyRow{AF_INET6, 16, 36}, FamilyRow{AF_UNSPEC, 108, 216}};
constexpr unsigned kStream = 1, kMaxTransport = 2;

ProxyHeader parse_binary(std::string_view bytes) {
  if (bytes.size() < kFixed) return kMore;
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned version = octet(12) >> 4, command = octet(12) & 15U;
  const unsigned family = octet(13) >> 4, transport = octet(13) & 15U;
  const std::size_t length = octet(14) * std::size_t{256} + octet(15);
  if (version != 2 || command > 1) return kBad;
  if (family >= kFamilies.size() || transport > kMaxTransport) return kBad;
  if (kFixed + length > kMaxProxyHeader) return kBad;
  const FamilyRow& row = kFamilies[family];
  const bool local = command == 0;  // a health check of the balancer itself: the rest is ignored
  if (!local && length < row.block) return kBad;
  if (bytes.size() < kFixed + length) return kMore;
  ProxyHeader header{.status = Status::kDone, .size = kFixed + length, .client = {}};
  if (local || row.family == AF_UNSPEC || transport != kStream) return header;
  header.client = make_client(row.family, bytes.data() + kFixed);
  return header;
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) {
  if (bytes.empty()) return kMore;
  if (may_become(bytes, kLine)) return bytes.size() < kLine.size() ? kMore : parse_line(bytes);
  if (may_become(bytes, kSignature)) return parse_binary(bytes);
  return kBad;
}

}  // namespace restante::smtpd
