// SPDX-License-Identifier: ISC
// Packets of parser/protocol.h, checked on the way in, with their descriptors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/error.h"
#include "shared/base/unique_fd.h"
#include "shared/parser/protocol.h"

namespace restante::mimed {

// The bytes of a memfd, mapped read-only as long as this lives.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  [[nodiscard]] Result<void> map(int fd, std::size_t size);
  [[nodiscard]] std::string_view bytes() const { return {data_, size_}; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

enum class Received : unsigned char {
  kHello,
  kMail,
  kNothing,  // there was no packet after all
  kClosed,   // by the client
};

struct Request {
  UniqueFd progress;  // of a Hello
  std::string_view raw;
  std::uint64_t number = 0;  // of the attachment that is wanted; 0: parse it
};

// Reads one packet from `fd` into `buffer` (of kPacketLimit bytes) or maps the memfd of a mail into
// `mapping`; `request.raw` is a view of one of them. An error is the client's: a packet that is
// neither a Request nor a Hello.
[[nodiscard]] Result<Received> receive_request(int fd, std::span<std::byte> buffer,
                                               Mapping& mapping, Request& request);

// What an Answer says.
struct Answer {
  parser::Outcome outcome = parser::Outcome::kDone;
  std::uint64_t number = 0;
  std::array<std::string_view, 3> pieces = {};
};

// An Answer on its way: it has copied the pieces, and may have to wait.
struct AnswerPacket {
  parser::PacketHeader header;
  std::string bytes;  // the pieces
  UniqueFd memfd;     // or where they are
};

// nullopt: there is no memory for a memfd.
[[nodiscard]] std::optional<AnswerPacket> make_packet(const Answer& answer);
// False with errno; EAGAIN: the client has no room for the packet now.
[[nodiscard]] bool send_answer(int fd, const AnswerPacket& packet);

}  // namespace restante::mimed
