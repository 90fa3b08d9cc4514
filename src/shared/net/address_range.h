// SPDX-License-Identifier: ISC
// A range of addresses: 192.0.2.1, 10.0.0.0/8, 2001:db8::/32.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"

namespace restante::net {

// IPv4 is kept as IPv4-mapped IPv6, so that it is found whichever way a socket shows it.
class AddressRange {
 public:
  // The error says what is wrong with the text.
  [[nodiscard]] static Result<AddressRange> parse(std::string_view text);
  [[nodiscard]] bool contains(const sockaddr* address) const;

 private:
  std::array<std::uint8_t, 16> address_{};
  unsigned bits_ = 128;
};

// Whether one of `ranges` contains the address. `text` is a numeric address, IPv6 without brackets;
// any other text is in no range.
[[nodiscard]] bool is_in(std::span<const AddressRange> ranges, const sockaddr* address);
[[nodiscard]] bool is_in(std::span<const AddressRange> ranges, const std::string& text);

// Of texts that have been checked: one that is no network is left out.
[[nodiscard]] std::vector<AddressRange> parse_ranges(const std::vector<std::string>& texts);

}  // namespace restante::net
