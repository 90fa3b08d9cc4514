// SPDX-License-Identifier: ISC
// The id of a mail: its stream id in Redis, which users see as one number of 19 digits,
// milliseconds × 10⁶ + sequence. Ids sort by the time of arrival.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace restante::store {

struct MailId {
  std::uint64_t milliseconds = 0;  // Unix time
  std::uint32_t sequence = 0;      // below 10⁶

  auto operator<=>(const MailId&) const = default;
  // Of 19 digits, as users see it. Nothing for any other text.
  [[nodiscard]] static std::optional<MailId> parse(std::string_view nineteen_digits);
  // Of "milliseconds-sequence", as Redis writes it. Nothing for any other text.
  [[nodiscard]] static std::optional<MailId> from_stream(std::string_view stream_id);
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string stream_id() const;
  [[nodiscard]] std::int64_t received_at() const {  // Unix seconds
    return static_cast<std::int64_t>(milliseconds / 1000);
  }
};

}  // namespace restante::store
