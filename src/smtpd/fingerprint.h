// SPDX-License-Identifier: ISC
// What makes two deliveries the same one tried again.
#pragma once

#include <string>
#include <string_view>

namespace restante::smtpd {

// 128 bits in hex of SHA-256 over the reverse path and the message's bytes; with the recipient,
// whose mailbox the fingerprint is kept beside, that is all that a sender repeats when it tries
// again.
[[nodiscard]] std::string fingerprint(std::string_view reverse_path, std::string_view data);

// 128 random bits in hex.
[[nodiscard]] std::string random_token();

}  // namespace restante::smtpd
