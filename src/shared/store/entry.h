// SPDX-License-Identifier: ISC
// How a mailbox stands in Redis (mail_store.h): its keys, and an entry of its stream.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "shared/redis/client.h"
#include "shared/store/mail_store.h"

namespace restante {

// `mailbox` is a mailbox key. The inbox's key is also the channel on which its mail is announced.
[[nodiscard]] std::string inbox_key(std::string_view mailbox);
[[nodiscard]] std::string mail_prefix(std::string_view mailbox);
[[nodiscard]] std::string mail_key(std::string_view mailbox, const MailId& id);
[[nodiscard]] std::string claimed_key(std::string_view mailbox);
[[nodiscard]] std::string seen_key(std::string_view mailbox, std::string_view fingerprint);

// Mail before this one is past its age.
[[nodiscard]] MailId oldest_mail(std::chrono::milliseconds retention);

// A small mail is in its entry: `s` summary, `z` frame (mail_frame.h). Of one whose bodies or frame
// are large the entry has `s`, and `n` the size of its bodies. Its frame is cut then, and in a hash
// whose key ends with the entry's id: `z` gives bodies and details, `z1`, `z2`, … are the rest.
struct Entry {
  MailId id;
  std::string_view summary, frame;
  std::optional<std::size_t> large_size;
};

// Views of the reply. Nothing for what is no entry of ours.
[[nodiscard]] std::optional<Entry> read_entry(RedisReply reply);

[[nodiscard]] StoredMail read_mail(RecentHeads& heads, MailId id, std::string_view summary,
                                   std::string_view frame);

}  // namespace restante
