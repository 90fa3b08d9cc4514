// SPDX-License-Identifier: ISC
#include "ctl/user.h"

#include <algorithm>
#include <optional>

#include "ctl/text.h"
#include "shared/base/hex.h"
#include "shared/mail/address.h"
#include "shared/mail/mailbox_name.h"

namespace restante::ctl {
namespace {

// RFC 3986 section 2.1.
std::optional<std::string> decoded(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      bytes += text[at];
      continue;
    }
    const int byte = at + 2 < text.size() ? hex_byte(text[at + 1], text[at + 2]) : -1;
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
    at += 2;
  }
  return bytes;
}

bool is_harmless(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._+-=").contains(c);
}

// Something is always encoded, so that mailbox_of() takes the rest as it is. The first byte is also
// encoded where it is a "-", which would begin an option.
std::string encoded(std::string_view name) {
  const bool is_first_encoded = name.starts_with('-') || std::ranges::all_of(name, is_harmless);
  std::string text;
  for (const char c : name) {
    const bool stays = is_harmless(c) && !(text.empty() && is_first_encoded);
    text += stays ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return text;
}

}  // namespace

Result<std::string> mailbox_of(const config::Config& config, const std::string& user) {
  if (user.contains('%')) {
    const auto name = decoded(user);
    if (!name) return fail(ErrorKind::kConfig, "'{}' is no name: % needs two digits", user);
    return mail::mailbox_key(*name);
  }
  mail::Address address{.local = user,
                        .domain = config.domain.empty() ? "" : config.domain.front()};
  if (user.contains('@')) {
    auto parsed = mail::parse_mailbox(user, /*utf8=*/true);
    if (!parsed) return fail(ErrorKind::kConfig, "'{}' is no mail address", user);
    address = *std::move(parsed);
  }
  return mail::mailbox_key(mail::mailbox_name(address, config.mailbox_naming()));
}

std::string user_of(const config::Config& config, std::string_view mailbox) {
  const std::string name = decoded(mailbox).value_or(std::string(mailbox));
  const bool is_plain =
      printable(name) == name && !name.starts_with('-') && std::ranges::all_of(name, [](char c) {
        return is_harmless(c) || c == '@' || static_cast<unsigned char>(c) > 0x7f;
      });
  if (is_plain && mailbox_of(config, name) == mailbox) return name;
  return encoded(name);
}

}  // namespace restante::ctl
