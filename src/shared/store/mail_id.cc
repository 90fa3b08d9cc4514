// SPDX-License-Identifier: ISC
#include "shared/store/mail_id.h"

#include <fmt/format.h>

#include "shared/base/number.h"

namespace restante::store {
namespace {

constexpr std::uint64_t kSequences = 1'000'000;  // in a millisecond

}  // namespace

std::optional<MailId> MailId::parse(std::string_view nineteen_digits) {
  const auto number = parse_number<std::uint64_t>(nineteen_digits);
  if (nineteen_digits.size() != 19 || !number) return {};
  return MailId{*number / kSequences, static_cast<std::uint32_t>(*number % kSequences)};
}

std::optional<MailId> MailId::from_stream(std::string_view stream_id) {
  const std::size_t dash = stream_id.find('-');
  if (dash == std::string_view::npos) return {};
  const auto milliseconds = parse_number<std::uint64_t>(stream_id.substr(0, dash));
  const auto sequence = parse_number<std::uint32_t>(stream_id.substr(dash + 1));
  if (!milliseconds || !sequence) return {};
  return MailId{*milliseconds, *sequence};
}

std::string MailId::text() const {
  return fmt::format("{:019}", milliseconds * kSequences + sequence);
}

std::string MailId::stream_id() const { return fmt::format("{}-{}", milliseconds, sequence); }

}  // namespace restante::store
