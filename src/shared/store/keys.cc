// SPDX-License-Identifier: ISC
#include "shared/store/keys.h"

#include <fmt/core.h>

namespace restante::store {

std::string inbox_key(std::string_view mailbox) { return fmt::format("inbox:{{{}}}", mailbox); }
std::string mail_prefix(std::string_view mailbox) { return fmt::format("mail:{{{}}}:", mailbox); }
std::string mail_key(std::string_view mailbox, const MailId& id) {
  return mail_prefix(mailbox) + id.stream_id();
}
std::string frame_key(std::string_view token) { return fmt::format("frame:{{{}}}", token); }
std::string claimed_key(std::string_view mailbox) { return fmt::format("claimed:{{{}}}", mailbox); }
std::string seen_key(std::string_view mailbox, std::string_view fingerprint) {
  return fmt::format("seen:{{{}}}:{}", mailbox, fingerprint);
}

}  // namespace restante::store
