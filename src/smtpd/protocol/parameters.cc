// SPDX-License-Identifier: ISC
#include "smtpd/protocol/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "shared/base/ascii.h"
#include "shared/base/number.h"
#include "shared/base/utf8.h"

namespace restante::smtpd {
namespace {

// esmtp-param = esmtp-keyword ["=" esmtp-value]
struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

// Takes the next parameter off `text`; nothing when there is none left.
std::optional<Parameter> consume_parameter(std::string_view& text) {
  const std::size_t start = text.find_first_not_of(' ');
  if (start == std::string_view::npos) return std::nullopt;
  text.remove_prefix(start);
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return Parameter{word, std::nullopt};
  return Parameter{word.substr(0, equals), word.substr(equals + 1)};
}

// What the parameters of one MAIL command have said so far.
struct MailParameters {
  std::uint64_t size_limit;
  bool size_seen = false, body_seen = false, smtputf8 = false;
  std::uint64_t size = 0;
};

// size-value = 1*20DIGIT (RFC 1870 section 4). Twenty digits may be more than 64 bits hold; that
// is too big in any case.
Reply apply_size(MailParameters& seen, std::optional<std::string_view> value) {
  constexpr std::size_t kMaxDigits = 20;
  if (seen.size_seen || !value || value->empty() || value->size() > kMaxDigits) {
    return Reply::kBadSize;
  }
  const auto [end, error] =
      std::from_chars(value->data(), value->data() + value->size(), seen.size);
  if (error == std::errc::invalid_argument || end != value->data() + value->size()) {
    return Reply::kBadSize;
  }
  seen.size_seen = true;
  const bool too_big = error == std::errc::result_out_of_range || seen.size > seen.size_limit;
  return too_big ? Reply::kDeclaredTooBig : Reply::kOk;
}

// RFC 6152 section 3. BINARYMIME (RFC 3030) is not offered.
Reply apply_body(MailParameters& seen, std::optional<std::string_view> value) {
  if (seen.body_seen || !value) return Reply::kBadParameter;
  seen.body_seen = true;
  const bool known = equal_ignoring_case(*value, "7BIT") || equal_ignoring_case(*value, "8BITMIME");
  return known ? Reply::kOk : Reply::kUnknownParameter;
}

// RFC 6531 section 3.4: it has no value.
Reply apply_smtputf8(MailParameters& seen, std::optional<std::string_view> value) {
  if (seen.smtputf8 || value) return Reply::kBadParameter;
  seen.smtputf8 = true;
  return Reply::kOk;
}

struct ParameterRow {
  std::string_view keyword;
  Reply (*apply)(MailParameters&, std::optional<std::string_view>);
};
constexpr auto kMailParameters = std::to_array<ParameterRow>(
    {{"SIZE", apply_size}, {"BODY", apply_body}, {"SMTPUTF8", apply_smtputf8}});

Reply apply_mail_parameters(MailParameters& seen, std::string_view text) {
  while (auto parameter = consume_parameter(text)) {
    const auto* row = std::ranges::find_if(kMailParameters, [&](const ParameterRow& r) {
      return equal_ignoring_case(r.keyword, parameter->keyword);
    });
    if (row == kMailParameters.end()) return Reply::kUnknownParameter;
    if (const Reply reply = row->apply(seen, parameter->value); reply != Reply::kOk) return reply;
  }
  return Reply::kOk;
}

struct PathFaults {
  Reply syntax, too_long, bad_label;
};

// "FROM:" or "TO:", one space that the RFC does not have but clients do, and a path. On success
// `text` is what follows the path: nothing, or a space.
std::expected<mail::Address, Reply> consume_path(std::string_view& text, std::string_view keyword,
                                                 bool utf8, PathFaults faults) {
  if (!equal_ignoring_case(text.substr(0, keyword.size()), keyword)) {
    return std::unexpected(Reply::kBadArguments);
  }
  text.remove_prefix(keyword.size());
  if (text.starts_with(' ')) text.remove_prefix(1);
  std::string_view rest;
  auto address = mail::parse_path(text, utf8, rest);
  if (!address) {
    switch (address.error()) {
      case mail::PathFault::kSyntax:
        return std::unexpected(faults.syntax);
      case mail::PathFault::kTooLong:
        return std::unexpected(faults.too_long);
      case mail::PathFault::kNeedsSmtputf8:
        return std::unexpected(Reply::kNeedsSmtputf8);
      case mail::PathFault::kBadLabel:
        return std::unexpected(faults.bad_label);
    }
  }
  if (!rest.empty() && !rest.starts_with(' ')) return std::unexpected(faults.syntax);
  text = rest;
  return std::move(*address);
}

}  // namespace

// "MAIL" SP "FROM:" Reverse-path [SP Mail-parameters]: the path comes first, yet whether it may be
// UTF-8 is said by a parameter.
std::expected<MailArguments, Reply> parse_mail(std::string_view arguments,
                                               std::uint64_t size_limit) {
  constexpr PathFaults kFaults{Reply::kBadSender, Reply::kSenderTooLong, Reply::kBadSender};
  const std::string_view whole = arguments;
  auto path = consume_path(arguments, "FROM:", /*utf8=*/true, kFaults);
  if (!path) return std::unexpected(path.error());
  if (path->domain.empty() && !path->is_null()) return std::unexpected(Reply::kBadSender);
  const std::size_t path_length = whole.size() - arguments.size();
  MailParameters seen{.size_limit = size_limit};
  if (const Reply reply = apply_mail_parameters(seen, arguments); reply != Reply::kOk) {
    return std::unexpected(reply);
  }
  if (!seen.smtputf8 && !is_ascii(whole.substr(0, path_length))) {
    return std::unexpected(Reply::kNeedsSmtputf8);
  }
  return MailArguments{std::move(*path), seen.size, seen.smtputf8};
}

// "RCPT" SP "TO:" Forward-path [SP Rcpt-parameters]: none of those is offered.
std::expected<mail::Address, Reply> parse_rcpt(std::string_view arguments, bool smtputf8) {
  constexpr PathFaults kFaults{Reply::kBadRecipient, Reply::kRecipientTooLong,
                               Reply::kBadRecipientDomain};
  auto path = consume_path(arguments, "TO:", smtputf8, kFaults);
  if (!path) return path;
  if (path->is_null()) return std::unexpected(Reply::kBadRecipient);
  if (consume_parameter(arguments)) return std::unexpected(Reply::kUnknownParameter);
  return path;
}

// bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ], chunk-size = 1*DIGIT, end-marker = "LAST"
// (RFC 3030 section 2). A size that 64 bits do not hold is as good as none: nobody sends so much.
std::optional<Chunk> parse_bdat(std::string_view arguments) {
  const std::string_view digits = arguments.substr(0, arguments.find(' '));
  const auto octets = parse_number<std::uint64_t>(digits);
  if (!octets) return std::nullopt;
  arguments.remove_prefix(digits.size());
  if (arguments.empty()) return Chunk{*octets, /*last=*/false};
  if (!equal_ignoring_case(arguments, " LAST")) return std::nullopt;
  return Chunk{*octets, /*last=*/true};
}

}  // namespace restante::smtpd
