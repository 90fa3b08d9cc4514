// SPDX-License-Identifier: ISC
// What one client may take of everybody's: connections, messages, recipients and stored bytes, in a
// minute and in an hour. All workers together count a client (ClientAddress::rate_key).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/config/config.h"
#include "shared/memory/rate_table.h"

namespace restante::smtpd {

class ClientBudget {
 public:
  // Which limit was reached, and when its window ends.
  struct Refusal {
    std::string_view setting;  // name of the limit: a literal
    std::chrono::milliseconds wait;
  };

  // The tables are those of the segment. `config` outlives the object.
  ClientBudget(memory::RateTable minutes, memory::RateTable hours, memory::RateTable shares,
               const config::Config& config);

  // Counts a new connection. Nothing if it is within the limit.
  [[nodiscard]] std::optional<Refusal> connect(std::string_view client,
                                               std::chrono::milliseconds now);

  // Whether a message of the client would be refused now. Counts nothing. `memory` is what Redis
  // may take in bytes; 0: any number.
  [[nodiscard]] std::optional<Refusal> refusal(std::string_view client, std::uint64_t memory,
                                               std::chrono::milliseconds now) const;

  // Counts `bytes` of Redis that mail of the client takes now.
  void store(std::string_view client, std::uint64_t bytes, std::uint64_t memory,
             std::chrono::milliseconds now);

  // Counts a message that has come whole, of `bytes` to `recipients`. Nothing if it is within the
  // limits. What was counted before a limit that refuses stays counted.
  [[nodiscard]] std::optional<Refusal> spend(std::string_view client, std::size_t recipients,
                                             std::size_t bytes, std::chrono::milliseconds now);

 private:
  struct Limit {
    char kind;  // of what is counted; the key in the table begins with it
    bool is_hourly;
    std::string_view setting;
    std::uint32_t uses;  // 0: no limit
  };

  [[nodiscard]] std::optional<Refusal> count(const Limit& limit, std::string_view client,
                                             std::uint64_t uses, std::chrono::milliseconds now);

  [[nodiscard]] std::uint32_t share_of(std::uint64_t memory) const;

  memory::RateTable minutes_, hours_, shares_;
  const config::Config& config_;
  Limit connections_;
  std::array<Limit, 6> limits_;  // of a message
};

}  // namespace restante::smtpd
