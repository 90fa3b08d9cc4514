// SPDX-License-Identifier: ISC
#include "mimed/packet.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "shared/base/file.h"
#include "shared/base/packet_socket.h"

namespace restante::mimed {
namespace {

using parser::PacketHeader;
using parser::PacketKind;

// All pieces in one sealed memfd, without joining them in memory first.
UniqueFd make_answer_memfd(const Answer& answer) {
  UniqueFd fd(memfd_create("mime_answer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return {};
  for (const std::string_view piece : answer.pieces) {
    if (!write_all(fd.get(), piece)) return {};
  }
  return seal(fd.get()) ? std::move(fd) : UniqueFd();
}

iovec piece_of(const void* data, std::size_t size) { return {const_cast<void*>(data), size}; }

Result<Received> accept_hello(ReceivedPacket packet, std::size_t inline_size, Request& request) {
  if (!packet.passed || inline_size != 0) return fail(ErrorKind::kSystem, "a hello with no memfd");
  request.progress = std::move(packet.passed);
  return Received::kHello;
}

}  // namespace

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, size_);
}

Result<void> Mapping::map(int fd, std::size_t size) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return fail(ErrorKind::kSystem, "fstat: {}", errno_text());
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != size) {
    return fail(ErrorKind::kSystem, "the memfd has {} bytes, the packet says {}", status.st_size,
                size);
  }
  if (size == 0) return {};
  void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (mapped == MAP_FAILED) return fail(ErrorKind::kSystem, "mmap: {}", errno_text());
  data_ = static_cast<char*>(mapped);
  size_ = size;
  return {};
}

Result<Received> receive_request(int fd, std::span<std::byte> buffer, Mapping& mapping,
                                 Request& request) {
  iovec piece{buffer.data(), buffer.size()};
  ReceivedPacket packet = receive_packet(fd, {&piece, 1});
  if (packet.size < 0) {
    return errno == EAGAIN || errno == EINTR ? Received::kNothing : Received::kClosed;
  }
  if (packet.size == 0) return Received::kClosed;
  const auto size = static_cast<std::size_t>(packet.size);
  if (packet.cut || size < sizeof(parser::PacketHeader)) {
    return fail(ErrorKind::kSystem, "packet too large or too small: {} bytes", size);
  }
  parser::PacketHeader header{};
  std::memcpy(&header, buffer.data(), sizeof header);
  const std::size_t inline_size = size - sizeof header;
  if (header.kind == parser::PacketKind::kHello)
    return accept_hello(std::move(packet), inline_size, request);
  if (header.kind != parser::PacketKind::kRequest) {
    return fail(ErrorKind::kSystem, "packet of kind {}", static_cast<std::uint32_t>(header.kind));
  }
  request.number = header.number;
  if (packet.passed && inline_size == 0) {
    if (auto mapped = mapping.map(packet.passed.get(), header.size); !mapped) {
      return std::unexpected(mapped.error());
    }
    request.raw = mapping.bytes();
    return Received::kMail;
  }
  if (packet.passed || inline_size != header.size) {
    return fail(ErrorKind::kSystem, "request of {} bytes with {} in the packet", header.size,
                inline_size);
  }
  request.raw = {reinterpret_cast<const char*>(buffer.data()) + sizeof header, inline_size};
  return Received::kMail;
}

std::optional<AnswerPacket> make_packet(const Answer& answer) {
  AnswerPacket made{.header = {.kind = parser::PacketKind::kAnswer,
                               .outcome = answer.outcome,
                               .number = answer.number},
                    .bytes = {},
                    .memfd = {}};
  std::size_t sum = 0;
  for (std::size_t i = 0; i < answer.pieces.size(); ++i) {
    made.header.pieces[i] = answer.pieces[i].size();
    sum += answer.pieces[i].size();
  }
  if (sum > parser::kInlineLimit) {
    made.memfd = make_answer_memfd(answer);
    if (!made.memfd) return {};
    return made;
  }
  made.bytes.reserve(sum);
  for (const std::string_view piece : answer.pieces) made.bytes += piece;
  return made;
}

bool send_answer(int fd, const AnswerPacket& packet) {
  std::array<iovec, 2> pieces = {piece_of(&packet.header, sizeof packet.header),
                                 piece_of(packet.bytes.data(), packet.bytes.size())};
  return send_packet(fd, pieces, packet.memfd ? packet.memfd.get() : -1);
}

}  // namespace restante::mimed
