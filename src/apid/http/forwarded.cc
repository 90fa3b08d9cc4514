// SPDX-License-Identifier: ISC
#include "apid/http/forwarded.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <string>

#include "shared/base/ascii.h"
#include "shared/net/socket_address.h"

namespace restante::apid {
namespace {

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, is_digit);
}

// The address without brackets and port: 192.0.2.1:80, [2001:db8::1], [2001:db8::1]:80. Nothing if
// brackets or port are malformed.
std::optional<std::string_view> bare_address(std::string_view element) {
  std::string_view host = element, behind;
  if (element.starts_with('[')) {
    const std::size_t end = element.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = element.substr(1, end - 1);
    if (!host.contains(':')) return std::nullopt;
    behind = element.substr(end + 1);
  } else if (std::ranges::count(element, ':') == 1) {
    host = element.substr(0, element.find(':'));
    behind = element.substr(host.size());
  }
  if (!behind.empty() && (behind[0] != ':' || !is_port(behind.substr(1)))) return std::nullopt;
  return host;
}

bool is_trusted(const net::ClientAddress& peer, std::span<const net::AddressRange> trusted) {
  return peer.text == net::kUnixClient || net::is_in(trusted, peer.text);
}

}  // namespace

net::ClientAddress forwarded_client(const net::ClientAddress& peer, std::string_view field,
                                    std::span<const net::AddressRange> trusted) {
  if (!is_trusted(peer, trusted)) return peer;
  net::ClientAddress client = peer;
  while (!field.empty()) {
    const std::size_t comma = field.rfind(',');
    const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
    const std::string_view element = trim_blanks(field.substr(begin));
    field = field.substr(0, comma == std::string_view::npos ? 0 : comma);
    if (element.empty()) continue;  // RFC 9110 section 5.6.1.2
    const auto host = bare_address(element);
    const auto address = host ? net::SocketAddress::of_host(std::string(*host), 0) : std::nullopt;
    if (!address) return peer;
    client = net::describe_client(address->get());
    if (!net::is_in(trusted, address->get())) break;
  }
  return client;
}

}  // namespace restante::apid
