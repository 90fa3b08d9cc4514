// SPDX-License-Identifier: ISC
// The arguments of MAIL and RCPT: a path, and parameters behind it.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "shared/mail/address.h"
#include "smtpd/protocol/replies.h"

namespace restante::smtpd {

struct MailArguments {
  mail::Address reverse_path;
  std::uint64_t size = 0;  // declared (RFC 1870); 0: not
  bool smtputf8 = false;
};

// What follows "MAIL ", or the reply that refuses it.
[[nodiscard]] std::expected<MailArguments, Reply> parse_mail(std::string_view arguments,
                                                             std::uint64_t size_limit);

// What follows "RCPT ". The address may lack its domain if it is postmaster's.
[[nodiscard]] std::expected<mail::Address, Reply> parse_rcpt(std::string_view arguments,
                                                             bool smtputf8);

struct Chunk {
  std::uint64_t octets;
  bool last;
};

// What follows "BDAT "; nothing if it does not say how long the chunk is.
[[nodiscard]] std::optional<Chunk> parse_bdat(std::string_view arguments);

}  // namespace restante::smtpd
