// SPDX-License-Identifier: ISC
#include "shared/store/entry.h"

#include <algorithm>
#include <cstdint>

#include "shared/base/number.h"
#include "shared/mail/message.h"
#include "shared/store/keys.h"

namespace restante::store {

std::optional<Entry> read_entry(redis::Reply reply) {
  if (reply.size() != 2 || !reply.at(1).is_array()) return {};
  const auto id = MailId::from_stream(reply.at(0).text());
  if (!id) return {};
  Entry entry{.id = *id, .summary = {}, .frame = {}, .large_size = {}, .token = {}};
  const redis::Reply fields = reply.at(1);
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string_view name = fields.at(i).text();
    const std::string_view value = fields.at(i + 1).text();
    if (name == "s") entry.summary = value;
    if (name == "z") entry.frame = value;
    if (name == "f") entry.token = value;
    if (name == "n") entry.large_size = parse_number<std::size_t>(value).value_or(0);
  }
  return entry;
}

std::string hash_key(std::string_view mailbox, const MailId& id, std::string_view token) {
  return token.empty() ? mail_key(mailbox, id) : frame_key(token);
}

StoredMail read_mail(FrameCache& frames, MailId id, std::string_view summary,
                     std::string_view frame) {
  const MailHead& head = frames.read(frame);
  return {.id = id,
          .summary = std::string(summary),
          .bodies = head.bodies,
          .details = mail::complete_details(summary, head.details)};
}

MailId oldest_mail(std::chrono::milliseconds retention) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const std::int64_t oldest = std::max<std::int64_t>(0, (now - retention).count());
  return {.milliseconds = static_cast<std::uint64_t>(oldest), .sequence = 0};
}

}  // namespace restante::store
