// SPDX-License-Identifier: ISC
#include "smtpd/client_budget.h"

#include <algorithm>
#include <string>

namespace restante::smtpd {
namespace {

constexpr char kConnection = 'c', kMessage = 'm', kRecipient = 'r', kBytes = 'b';
// Bytes are counted in pages: a count of the table has 20 bits.
constexpr std::uint64_t kPage = 4096;

constexpr std::uint64_t pages(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage; }

std::uint32_t clamped(std::uint64_t uses) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(uses, memory::RateTable::kMaxLimit));
}

std::string subject_of(char kind, std::string_view client) {
  std::string subject(1, kind);
  subject += client;
  return subject;
}

}  // namespace

ClientBudget::ClientBudget(memory::RateTable minutes, memory::RateTable hours,
                           memory::RateTable shares, const config::Config& config)
    : minutes_(minutes),
      hours_(hours),
      shares_(shares),
      config_(config),
      connections_{kConnection, false, "smtp_client_connect_limit",
                   clamped(config.smtp_client_connect_limit)},
      limits_{{
          {kMessage, false, "smtp_client_message_limit", clamped(config.smtp_client_message_limit)},
          {kMessage, true, "smtp_client_message_hour_limit",
           clamped(config.smtp_client_message_hour_limit)},
          {kRecipient, false, "smtp_client_recipient_limit",
           clamped(config.smtp_client_recipient_limit)},
          {kRecipient, true, "smtp_client_recipient_hour_limit",
           clamped(config.smtp_client_recipient_hour_limit)},
          {kBytes, false, "smtp_client_size_limit", clamped(pages(config.smtp_client_size_limit))},
          {kBytes, true, "smtp_client_size_hour_limit",
           clamped(pages(config.smtp_client_size_hour_limit))},
      }} {}

std::optional<ClientBudget::Refusal> ClientBudget::count(const Limit& limit,
                                                         std::string_view client,
                                                         std::uint64_t uses,
                                                         std::chrono::milliseconds now) {
  if (limit.uses == 0) return {};
  memory::RateTable& table = limit.is_hourly ? hours_ : minutes_;
  const memory::RateVerdict verdict =
      table.admit(subject_of(limit.kind, client), limit.uses, now, clamped(uses));
  if (verdict.admitted) return {};
  return Refusal{limit.setting, verdict.reset_in};
}

std::optional<ClientBudget::Refusal> ClientBudget::connect(std::string_view client,
                                                           std::chrono::milliseconds now) {
  return count(connections_, client, 1, now);
}

// In pages; 0: any number. A table cannot count more than 4 GiB.
std::uint32_t ClientBudget::share_of(std::uint64_t memory) const {
  if (memory == 0 || config_.client_store_share == 0) return 0;
  return std::max<std::uint32_t>(clamped(pages(memory / 100 * config_.client_store_share)), 1);
}

void ClientBudget::store(std::string_view client, std::uint64_t bytes, std::uint64_t memory,
                         std::chrono::milliseconds now) {
  const std::uint32_t share = share_of(memory);
  if (share != 0)
    (void)shares_.admit(subject_of(kBytes, client), share, now, clamped(pages(bytes)));
}

std::optional<ClientBudget::Refusal> ClientBudget::refusal(std::string_view client,
                                                           std::uint64_t memory,
                                                           std::chrono::milliseconds now) const {
  if (const auto wait = shares_.used_up(subject_of(kBytes, client), share_of(memory), now))
    return Refusal{"client_store_share", *wait};
  for (const Limit& limit : limits_) {
    if (limit.uses == 0) continue;
    const memory::RateTable& table = limit.is_hourly ? hours_ : minutes_;
    if (const auto wait = table.used_up(subject_of(limit.kind, client), limit.uses, now))
      return Refusal{limit.setting, *wait};
  }
  return {};
}

std::optional<ClientBudget::Refusal> ClientBudget::spend(std::string_view client,
                                                         std::size_t recipients, std::size_t bytes,
                                                         std::chrono::milliseconds now) {
  for (const Limit& limit : limits_) {
    std::uint64_t uses = 1;
    if (limit.kind == kRecipient) uses = recipients;
    if (limit.kind == kBytes) uses = recipients * pages(bytes);
    if (auto refusal = count(limit, client, uses, now)) return refusal;
  }
  return {};
}

}  // namespace restante::smtpd
