// SPDX-License-Identifier: ISC
// Reads the segments of a path that stand for USER, ID and NUMBER in the pattern of its route.
//
// The segments are percent-encoded. The error is the response to send: 400, or 404 for a domain
// that is not configured.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "apid/http/response.h"
#include "shared/config/config.h"
#include "shared/store/mail_id.h"

namespace restante::apid {

// USER: a local part of at most 64 octets (RFC 5321 section 4.5.3.1.1), alone or with one of the
// configured domains. Returns the name of the mailbox (mail/mailbox_name.h).
[[nodiscard]] std::expected<std::string, Response> parse_user(const config::Config& config,
                                                              std::string_view user);

// ID: 19 digits, or "latest", for which the id is nothing.
[[nodiscard]] std::expected<std::optional<store::MailId>, Response> parse_id(std::string_view id);

// NUMBER: that of an attachment, from 1.
[[nodiscard]] std::expected<std::uint64_t, Response> parse_attachment_number(
    std::string_view number);

}  // namespace restante::apid
