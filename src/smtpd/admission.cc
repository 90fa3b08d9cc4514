// SPDX-License-Identifier: ISC
#include "smtpd/admission.h"

#include <string>

#include "shared/base/clock.h"
#include "shared/mail/mailbox_name.h"

namespace restante::smtpd {
namespace {

// Anybody may claim any sender address, so a sender is counted for each network of clients: a
// forged sender uses up nothing of the true one's limit. The null sender belongs to nobody, so it
// is counted by client.
std::string subject_of(const net::ClientAddress& client, const mail::Address& sender) {
  if (sender.is_null()) return "client " + client.rate_key;
  return mail::recipient_name(sender, mail::MailboxCase::kFold) + " " + client.network();
}

std::optional<Admission::Refusal> refusal_of(const std::optional<ClientBudget::Refusal>& refusal) {
  if (!refusal) return {};
  return Admission::Refusal{Reply::kClientLimited, refusal->setting, refusal->wait};
}

}  // namespace

Admission::Admission(memory::RateTable senders, const ClientBudget& budget,
                     const config::Config& config)
    : senders_(senders),
      budget_(budget),
      config_(config),
      trusted_(net::parse_ranges(config.client_trusted)),
      blocked_(net::parse_ranges(config.client_blocked)) {}

bool Admission::is_trusted(const net::ClientAddress& client) const {
  return net::is_in(trusted_, client.text);
}

std::uint32_t Admission::sender_limit(const net::ClientAddress& client) const {
  return is_trusted(client) ? 0 : static_cast<std::uint32_t>(config_.smtp_rate_limit);
}

std::optional<Admission::Refusal> Admission::connect(const net::ClientAddress& client,
                                                     std::optional<net::ClientTable::Slot>& slot) {
  if (net::is_in(blocked_, client.text)) return Refusal{Reply::kBlocked, "client_blocked"};
  const bool trusted = is_trusted(client);
  if (!trusted && budget_.connect(client.rate_key, monotonic_now()))
    return Refusal{Reply::kTooManyConnections, "smtp_client_connect_limit"};
  slot = clients_.admit(client.rate_key, trusted ? 0 : config_.smtp_client_connection_limit);
  if (!slot) return Refusal{Reply::kTooManyConnections, "smtp_client_connection_limit"};
  return {};
}

std::optional<Admission::Refusal> Admission::begin(const net::ClientAddress& client,
                                                   const mail::Address& sender,
                                                   std::uint64_t memory) const {
  const auto now = monotonic_now();
  const auto wait = senders_.used_up(subject_of(client, sender), sender_limit(client), now);
  if (wait) return Refusal{Reply::kRateLimited, "smtp_rate_limit", *wait};
  if (is_trusted(client)) return {};
  return refusal_of(budget_.refusal(client.rate_key, memory, now));
}

std::optional<Admission::Refusal> Admission::end(const net::ClientAddress& client,
                                                 const Deliver& mail) {
  const auto now = monotonic_now();
  const memory::RateVerdict verdict =
      senders_.admit(subject_of(client, mail.envelope.reverse_path), sender_limit(client), now);
  if (!verdict.admitted) return Refusal{Reply::kRateLimited, "smtp_rate_limit", verdict.reset_in};
  if (is_trusted(client)) return {};
  return refusal_of(
      budget_.spend(client.rate_key, mail.envelope.recipients.size(), mail.data.size(), now));
}

void Admission::stored(const net::ClientAddress& client, std::uint64_t bytes,
                       std::uint64_t memory) {
  if (!is_trusted(client)) budget_.store(client.rate_key, bytes, memory, monotonic_now());
}

}  // namespace restante::smtpd
