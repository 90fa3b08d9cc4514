// SPDX-License-Identifier: ISC
// What mimed and its clients, smtpd and apid, say to each other: packets on a Unix SOCK_SEQPACKET
// connection.
//
//   client → mimed   Hello, once and first, with a memfd (SCM_RIGHTS) of a Progress
//                    Request, then `size` bytes of raw mail in the same packet
//                    (size ≤ kInlineLimit), or with none and one memfd that holds them
//   mimed → client   Answer, then its three pieces back to back in the same packet (sum ≤
//                    kInlineLimit) or with none and one memfd that holds them
//
// A request of number 0 is to parse: the pieces are the fragments of mail/message.h, summary,
// bodies, details. One of number N is for the N-th attachment: name, type, decoded bytes.
//
// Answers come in the order of the requests. Progress tells a client which mail was in hand
// when a mimed died: that one has had its try, the ones behind it have not. And it tells each end
// whether there are more packets for it, so that a busy one need not ask the kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace restante::parser {

inline constexpr std::size_t kInlineLimit = 64 * 1024;

enum class PacketKind : std::uint32_t { kRequest = 1, kHello = 2, kAnswer = 3 };

enum class Outcome : std::uint32_t {
  kDone = 0,
  kInPart = 1,            // parsed, but the mail could be read in part only
  kNoSuchAttachment = 2,  // `number` says how many there are
};

// One header for all packets; fields without use for a kind are 0. Both ends are the same build on
// the same machine, so there is no byte order and no version.
struct PacketHeader {
  PacketKind kind;
  Outcome outcome = Outcome::kDone;          // Answer
  std::uint64_t number = 0;                  // Request: of the attachment, or 0
  std::uint64_t size = 0;                    // Request: bytes of the raw mail
  std::array<std::uint64_t, 3> pieces = {};  // Answer: bytes of each
};
static_assert(sizeof(PacketHeader) == 48);

inline constexpr std::size_t kPacketLimit = sizeof(PacketHeader) + kInlineLimit;

}  // namespace restante::parser
