// SPDX-License-Identifier: ISC
#include "apid/api/path_arguments.h"

#include <utility>

#include "apid/http/uri.h"
#include "shared/base/number.h"
#include "shared/mail/address.h"
#include "shared/mail/mailbox_name.h"
#include "shared/mail/message.h"

namespace restante::apid {
namespace {

constexpr std::size_t kMaxLocalPart = 64;

}  // namespace

std::expected<std::string, Response> parse_user(const config::Config& config,
                                                std::string_view user) {
  const auto decoded = percent_decode(user);
  if (!decoded) {
    return std::unexpected(refuse(400, "bad mailbox name in the path: {}", decoded.error()));
  }
  mail::Address address{.local = *decoded, .domain = config.domain.front()};
  if (decoded->contains('@')) {
    auto parsed = mail::parse_mailbox(*decoded, /*utf8=*/true);
    if (!parsed) {
      return std::unexpected(
          refuse(400, "{} is not a mail address; give it as name@domain or name alone",
                 mail::json_string(*decoded)));
    }
    address = std::move(*parsed);
    if (!config.has_domain(address.domain)) {
      return std::unexpected(refuse(404,
                                    "this server keeps no mail for the domain {}; it does for {}",
                                    mail::json_string(address.domain), config.domain.front()));
    }
  }
  if (address.local.size() > kMaxLocalPart) {
    return std::unexpected(refuse(400, "a mailbox name has at most {} octets, not {}",
                                  kMaxLocalPart, address.local.size()));
  }
  return mail::mailbox_name(address, config.mailbox_naming());
}

std::expected<std::optional<store::MailId>, Response> parse_id(std::string_view id) {
  if (id == "latest") return std::nullopt;
  const std::optional<store::MailId> parsed = store::MailId::parse(id);
  if (parsed) return parsed;
  return std::unexpected(error_response(400, "the id of a message is 19 digits, or latest"));
}

std::expected<std::uint64_t, Response> parse_attachment_number(std::string_view number) {
  const auto parsed = parse_number<std::uint64_t>(number);
  if (parsed && *parsed > 0) return *parsed;
  const auto shown = percent_decode(number);
  return std::unexpected(refuse(400, "attachments are numbered from 1: {} is no number of one",
                                shown ? mail::json_string(*shown) : "this"));
}

}  // namespace restante::apid
