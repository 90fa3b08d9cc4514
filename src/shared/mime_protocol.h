// SPDX-License-Identifier: ISC
// What smtpd and mimed say to each other: packets on a Unix SOCK_SEQPACKET connection.
//
//   client → mimed   Request, then `size` bytes of raw mail in the same packet
//                    (size ≤ kInlineLimit), or with none and one memfd (SCM_RIGHTS) that holds them
//   mimed → client   Started, when it takes the mail in hand
//                    Answer, then the fragments back to back in the same packet (sum ≤
//                    kInlineLimit) or with none and one memfd that holds them
//
// Answers come in the order of the requests. Started tells a client which mail was in hand when a
// mimed died: that one has had its try, the ones behind it have not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace restante::mime {

inline constexpr std::size_t kInlineLimit = 64 * 1024;

enum class PacketKind : std::uint32_t { kRequest = 1, kStarted = 2, kAnswer = 3 };

// One header for all packets; fields without use for a kind are 0. Both ends are the same build on
// the same machine, so there is no byte order and no version.
struct PacketHeader {
  PacketKind kind;
  std::uint32_t parse_error;   // Answer: 1 if the mail could be read in part only
  std::uint64_t size;          // Request: bytes of the raw mail
  std::uint64_t summary_size;  // Answer: bytes of each fragment (message.h)
  std::uint64_t bodies_size;
  std::uint64_t details_size;
};
static_assert(sizeof(PacketHeader) == 40);

inline constexpr std::size_t kPacketLimit = sizeof(PacketHeader) + kInlineLimit;

}  // namespace restante::mime
