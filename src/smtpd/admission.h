// SPDX-License-Identifier: ISC
// Which clients may connect, and which of their messages may come: the limits by sender and by
// client, and who is trusted or blocked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "shared/config/config.h"
#include "shared/mail/address.h"
#include "shared/memory/rate_table.h"
#include "shared/net/address_range.h"
#include "shared/net/client_address.h"
#include "shared/net/client_table.h"
#include "smtpd/client_budget.h"
#include "smtpd/protocol/session.h"

namespace restante::smtpd {

class Admission {
 public:
  struct Refusal {
    Reply reply;
    std::string_view reason;           // for the log, mostly the name of a setting: a literal
    std::chrono::milliseconds wait{};  // until the limit lets a message in
  };

  // `senders` are Segment::smtp_rates(). `config` outlives the object.
  Admission(memory::RateTable senders, const ClientBudget& budget, const config::Config& config);

  // Counts a new connection. `slot` gets its place, which must not outlive this object.
  [[nodiscard]] std::optional<Refusal> connect(const net::ClientAddress& client,
                                               std::optional<net::ClientTable::Slot>& slot);

  // Whether a message would be refused now, before a byte of it has come. Counts nothing. `memory`
  // is what Redis may take in bytes; 0: any number.
  [[nodiscard]] std::optional<Refusal> begin(const net::ClientAddress& client,
                                             const mail::Address& sender,
                                             std::uint64_t memory) const;

  // Counts a message that has come whole.
  [[nodiscard]] std::optional<Refusal> end(const net::ClientAddress& client, const Deliver& mail);

  // Counts `bytes` of Redis that a message of the client takes now.
  void stored(const net::ClientAddress& client, std::uint64_t bytes, std::uint64_t memory);

 private:
  [[nodiscard]] bool is_trusted(const net::ClientAddress& client) const;
  [[nodiscard]] std::uint32_t sender_limit(const net::ClientAddress& client) const;

  memory::RateTable senders_;
  ClientBudget budget_;
  const config::Config& config_;
  std::vector<net::AddressRange> trusted_, blocked_;
  net::ClientTable clients_;
};

}  // namespace restante::smtpd
