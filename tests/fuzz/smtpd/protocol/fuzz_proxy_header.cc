// SPDX-License-Identifier: ISC
// Any bytes as the header of a load balancer: the verdict is the same however they are cut, and
// nothing behind the header changes it.
#include <arpa/inet.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "smtpd/protocol/proxy_header.h"

namespace {

using namespace restante;
using namespace restante::smtpd;
using Status = ProxyHeader::Status;

bool same(const ProxyHeader& a, const ProxyHeader& b) {
  if (a.status != b.status || a.size != b.size) return false;
  if (a.client.has_value() != b.client.has_value()) return false;
  return !a.client ||
         (a.client->text == b.client->text && a.client->rate_key == b.client->rate_key);
}

void check_client(const net::ClientAddress& client) {
  in6_addr binary{};
  const int family = client.text.contains(':') ? AF_INET6 : AF_INET;
  if (inet_pton(family, client.text.c_str(), &binary) != 1) std::abort();
  if (client.rate_key.empty()) std::abort();
}

// A line ends in the CR LF that is its only control characters; the binary form says its length.
void check_form(std::string_view header) {
  if (header.starts_with("PROXY ")) {
    for (const char c : header.substr(0, header.size() - 2)) {
      if (c == '\0' || c == '\n') std::abort();
    }
    if (!header.ends_with("\r\n") || header.size() > 107) std::abort();
    return;
  }
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(header.at(i)); };
  if (octet(12) != 0x20 && octet(12) != 0x21) std::abort();
  if (header.size() != 16U + octet(14) * 256U + octet(15)) std::abort();
}

// Asked at each byte, as connections are whose header comes byte by byte.
ProxyHeader in_pieces(std::string_view bytes) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const ProxyHeader header = parse_proxy_header(bytes.substr(0, size));
    if (header.status != Status::kMore) return header;
    if (size >= kMaxProxyHeader) std::abort();
  }
  return parse_proxy_header(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeader header = parse_proxy_header(bytes);
  if (!same(header, in_pieces(bytes))) std::abort();
  if (header.status != Status::kDone) return 0;
  if (header.size > bytes.size() || header.size > kMaxProxyHeader) std::abort();
  if (header.client) check_client(*header.client);
  const std::string alone(bytes.substr(0, header.size));
  check_form(alone);
  if (!same(header, parse_proxy_header(alone))) std::abort();
  if (!same(header, parse_proxy_header(alone + "EHLO"))) std::abort();
  return 0;
}
