// SPDX-License-Identifier: ISC
// How long a client is waited for: by what it is waited for, and by how full the worker is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace restante::smtpd {

// What a connection waits for.
enum class Wait : std::uint8_t {
  kNothing,      // it is our turn: a delivery has limits of its own
  kProxyHeader,  // until it is whole
  kHandshake,    // until it is done
  kCommand,      // until the line is whole, however often a byte of it comes
  kData,         // from one read to the next
  kReplies,      // until the client has taken all that was said
};

// How full the table of connections is.
struct Occupancy {
  std::size_t used;
  std::size_t capacity;
};

// What the operator set.
struct TimeSettings {
  std::chrono::milliseconds timeout;  // smtp_timeout
  std::uint64_t minimum_rate;         // bytes a second in a message; 0: any
};

// Up to half a table everybody has all the time that RFC 5321 section 4.5.3.2 asks for. From there
// on it shrinks, down to what an honest client needs at nine tenths: then those who only sit there
// make room for those who have mail. Never above `timeout`.
[[nodiscard]] std::chrono::milliseconds time_limit(Wait kind, Occupancy occupancy,
                                                   std::chrono::milliseconds timeout);

// Bytes a second that a message has to come with: five times as many when the table is full.
[[nodiscard]] std::uint64_t least_rate(Occupancy occupancy, std::uint64_t minimum_rate);

// The waiting of one connection. It has no timer: whoever sweeps over the connections asks each.
class WaitLimit {
 public:
  // What is waited for from now on. The time runs on if it is the same as before.
  void wait_for(Wait kind, std::chrono::milliseconds now);
  // The client has done what it was waited for; the next wait may be of the same kind.
  void satisfied(std::chrono::milliseconds now) { since_ = now; }
  // Bytes of a message have come.
  void received(std::size_t bytes, std::chrono::milliseconds now);
  // How long the client has said nothing of use; 0 where it is our turn, or a message comes.
  [[nodiscard]] std::chrono::milliseconds silence(std::chrono::milliseconds now) const;
  // Why the wait is over, for the log; empty while it is not. To be asked now and then: asking
  // also ends one window of the rate and begins the next.
  [[nodiscard]] std::string_view overdue(std::chrono::milliseconds now, Occupancy occupancy,
                                         const TimeSettings& settings);

 private:
  Wait kind_ = Wait::kNothing;
  std::chrono::milliseconds since_{};
  std::chrono::milliseconds window_{};  // when it began
  std::uint64_t bytes_ = 0;             // in it
};

}  // namespace restante::smtpd
