// SPDX-License-Identifier: ISC
// What makes two deliveries the same one tried again.
#pragma once

#include <string>
#include <string_view>

namespace restante::smtpd {

// 128 bits in hex of SHA-256 over the reverse path and the message's bytes; with the recipient,
// beside whose mailbox the fingerprint is kept, that is all that a sender repeats when it tries
// again. Empty for a mail without a Message-ID field (RFC 5322 section 3.6.4): two such mails may
// be equal in every byte and still be two.
[[nodiscard]] std::string fingerprint(std::string_view reverse_path, std::string_view data);

}  // namespace restante::smtpd
