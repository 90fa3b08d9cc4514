// SPDX-License-Identifier: ISC
// How a mailbox stands in Redis: keys, ids and entries, read and written.
#include "shared/store/entry.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "shared/mail/message.h"

namespace restante {
namespace {

constexpr std::uint64_t kSequences = 1'000'000;  // ids a millisecond

template <class T>
bool parse_number(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::string inbox_key(std::string_view mailbox) { return fmt::format("inbox:{{{}}}", mailbox); }
std::string mail_prefix(std::string_view mailbox) { return fmt::format("mail:{{{}}}:", mailbox); }
std::string mail_key(std::string_view mailbox, const MailId& id) {
  return mail_prefix(mailbox) + id.stream_id();
}
std::string claimed_key(std::string_view mailbox) { return fmt::format("claimed:{{{}}}", mailbox); }
std::string seen_key(std::string_view mailbox, std::string_view fingerprint) {
  return fmt::format("seen:{{{}}}:{}", mailbox, fingerprint);
}

MailId oldest_mail(std::chrono::milliseconds retention) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const std::int64_t oldest = std::max<std::int64_t>(0, (now - retention).count());
  return {.milliseconds = static_cast<std::uint64_t>(oldest), .sequence = 0};
}

std::optional<Entry> read_entry(RedisReply reply) {
  if (reply.size() != 2 || !reply.at(1).is_array()) return {};
  const auto id = MailId::from_stream(reply.at(0).text());
  if (!id) return {};
  Entry entry{.id = *id, .summary = {}, .frame = {}, .large_size = {}};
  const RedisReply fields = reply.at(1);
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string_view name = fields.at(i).text();
    const std::string_view value = fields.at(i + 1).text();
    if (name == "s") entry.summary = value;
    if (name == "z") entry.frame = value;
    if (name == "n") (void)parse_number(value, entry.large_size.emplace());
  }
  return entry;
}

StoredMail read_mail(RecentHeads& heads, MailId id, std::string_view summary,
                     std::string_view frame) {
  const MailHead& head = heads.read(frame);
  return {.id = id,
          .summary = std::string(summary),
          .bodies = head.bodies,
          .details = complete_details(summary, head.details)};
}

std::optional<MailId> MailId::parse(std::string_view nineteen_digits) {
  std::uint64_t number = 0;
  if (nineteen_digits.size() != 19 || !parse_number(nineteen_digits, number)) return {};
  return MailId{number / kSequences, static_cast<std::uint32_t>(number % kSequences)};
}

std::optional<MailId> MailId::from_stream(std::string_view stream_id) {
  MailId id;
  const std::size_t dash = stream_id.find('-');
  if (dash == std::string_view::npos || !parse_number(stream_id.substr(0, dash), id.milliseconds) ||
      !parse_number(stream_id.substr(dash + 1), id.sequence)) {
    return {};
  }
  return id;
}

std::string MailId::text() const {
  return fmt::format("{:019}", milliseconds * kSequences + sequence);
}

std::string MailId::stream_id() const { return fmt::format("{}-{}", milliseconds, sequence); }

}  // namespace restante
