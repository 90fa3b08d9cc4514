// SPDX-License-Identifier: ISC
// Packets of shared/mime_protocol.h, checked on the way in, with their descriptors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "shared/c_ptr.h"
#include "shared/error.h"
#include "shared/mime_protocol.h"

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
  kMail,
  kNothing,  // there was no packet after all
  kClosed,   // by the client
};

struct Request {
  std::string_view raw;
  std::uint64_t number = 0;  // of the attachment that is wanted; 0: parse it
};

// Reads one Request from `fd` into `buffer` (of kPacketLimit bytes) or maps its memfd into
// `mapping`; `request.raw` is a view of one of them. An error is the client's: a packet that is no
// request.
[[nodiscard]] Result<Received> receive_request(int fd, std::span<std::byte> buffer,
                                               Mapping& mapping, Request& request);

// What an Answer says; the pieces live until it is sent.
struct Answer {
  mime::Outcome outcome = mime::Outcome::kDone;
  std::uint64_t number = 0;
  std::array<std::string_view, 3> pieces = {};
};

// False if the client is gone or has no room for the packet.
[[nodiscard]] bool send_started(int fd);
[[nodiscard]] bool send_answer(int fd, const Answer& answer);

}  // namespace restante::mimed
