// SPDX-License-Identifier: ISC
// How a mailbox stands in Redis (mail_store.h): its keys, and an entry of its stream.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "shared/mail_store.h"
#include "shared/redis.h"

namespace restante {

// `mailbox` is a mailbox key. The inbox's key is also the channel on which its mail is announced.
[[nodiscard]] std::string inbox_key(std::string_view mailbox);
[[nodiscard]] std::string mail_prefix(std::string_view mailbox);
[[nodiscard]] std::string claimed_key(std::string_view mailbox);
[[nodiscard]] std::string seen_key(std::string_view mailbox, std::string_view fingerprint);

// Mail before this one is past its age.
[[nodiscard]] MailId oldest_mail(std::chrono::milliseconds retention);

struct Entry {
  MailId id;
  std::string_view token, summary, bodies;
  std::size_t large_size = 0;  // bytes of bodies that are not in the entry
};

// Views of the reply. Nothing for what is no entry of ours.
[[nodiscard]] std::optional<Entry> read_entry(RedisReply reply);

}  // namespace restante
