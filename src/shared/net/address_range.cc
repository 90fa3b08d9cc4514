// SPDX-License-Identifier: ISC
#include "shared/net/address_range.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "shared/base/number.h"
#include "shared/net/socket_address.h"

namespace restante::net {
namespace {

using Bytes = std::array<std::uint8_t, 16>;
constexpr unsigned kMappedBits = 96;  // RFC 4291 section 2.5.5.2

Bytes map_ipv4(const in_addr& ipv4) {
  Bytes mapped{};
  mapped[10] = mapped[11] = 0xff;
  std::memcpy(&mapped[12], &ipv4, sizeof ipv4);
  return mapped;
}

std::optional<Bytes> bytes_of(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, address, sizeof ipv4);
    return map_ipv4(ipv4.sin_addr);
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 ipv6{};
  std::memcpy(&ipv6, address, sizeof ipv6);
  Bytes bytes{};
  std::memcpy(bytes.data(), &ipv6.sin6_addr, bytes.size());
  return bytes;
}

bool same_start(const Bytes& a, const Bytes& b, unsigned bits) {
  const unsigned whole = bits / 8, rest = bits % 8;
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace

Result<AddressRange> AddressRange::parse(std::string_view text) {
  constexpr std::string_view kHelp =
      "is no address or network; write 192.0.2.1, 10.0.0.0/8, ::1 or 2001:db8::/32";
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  AddressRange network;
  unsigned most = 128;
  in_addr ipv4{};
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) {
    network.address_ = map_ipv4(ipv4);
    most = 32;
  } else if (inet_pton(AF_INET6, host.c_str(), network.address_.data()) != 1) {
    return fail(ErrorKind::kConfig, "{}", kHelp);
  }
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    bits = parse_number<unsigned>(length).value_or(most + 1);
    if (bits > most) return fail(ErrorKind::kConfig, "{}", kHelp);
  }
  network.bits_ = most == 32 ? kMappedBits + bits : bits;
  return network;
}

bool AddressRange::contains(const sockaddr* address) const {
  const auto bytes = bytes_of(address);
  return bytes && same_start(*bytes, address_, bits_);
}

bool is_in(std::span<const AddressRange> ranges, const sockaddr* address) {
  return std::ranges::any_of(
      ranges, [address](const AddressRange& range) { return range.contains(address); });
}

bool is_in(std::span<const AddressRange> ranges, const std::string& text) {
  if (ranges.empty()) return false;
  const auto address = SocketAddress::of_host(text, 0);
  return address && is_in(ranges, address->get());
}

std::vector<AddressRange> parse_ranges(const std::vector<std::string>& texts) {
  std::vector<AddressRange> networks;
  for (const std::string& text : texts) {
    if (const auto network = AddressRange::parse(text)) networks.push_back(*network);
  }
  return networks;
}

}  // namespace restante::net
