// SPDX-License-Identifier: ISC
#include "shared/store/keys.h"

#include <fmt/core.h>

namespace restante::store {

std::string inbox_key(std::string_view mailbox) { return fmt::format("inbox:{{{}}}", mailbox); }
std::string_view mailbox_in(std::string_view inbox_key) {
  const std::size_t before = sizeof "inbox:{" - 1;
  return inbox_key.substr(before, inbox_key.size() - before - 1);
}
std::string mail_prefix(std::string_view mailbox) { return fmt::format("mail:{{{}}}:", mailbox); }
std::string mail_key(std::string_view mailbox, const MailId& id) {
  return mail_prefix(mailbox) + id.stream_id();
}
std::string frame_key(std::string_view token) { return fmt::format("frame:{{{}}}", token); }
std::string size_key(std::string_view mailbox) { return fmt::format("size:{{{}}}", mailbox); }
std::string claimed_key(std::string_view mailbox) { return fmt::format("claimed:{{{}}}", mailbox); }
std::string seen_key(std::string_view mailbox, std::string_view fingerprint) {
  return fmt::format("seen:{{{}}}:{}", mailbox, fingerprint);
}

}  // namespace restante::store
