// SPDX-License-Identifier: ISC
// Requests in, answers out: what is in a packet and what is in its memfd.
#include "mimed/packet.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "shared/packet_socket.h"

namespace restante::mimed {
namespace {

using mime::PacketHeader;
using mime::PacketKind;

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// All pieces in one sealed memfd, without joining them in memory first.
UniqueFd make_answer_memfd(const Answer& answer) {
  UniqueFd fd(memfd_create("mime_answer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return {};
  for (const std::string_view piece : answer.pieces) {
    if (!write_all(fd.get(), piece)) return {};
  }
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  return fcntl(fd.get(), F_ADD_SEALS, kSeals) == 0 ? std::move(fd) : UniqueFd();
}

iovec piece_of(const void* data, std::size_t size) { return {const_cast<void*>(data), size}; }

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
  const ReceivedPacket packet = receive_packet(fd, {&piece, 1});
  if (packet.size < 0) {
    return errno == EAGAIN || errno == EINTR ? Received::kNothing : Received::kClosed;
  }
  if (packet.size == 0) return Received::kClosed;
  const auto size = static_cast<std::size_t>(packet.size);
  if (packet.cut || size < sizeof(PacketHeader)) {
    return fail(ErrorKind::kSystem, "packet too large or too small: {} bytes", size);
  }
  PacketHeader header{};
  std::memcpy(&header, buffer.data(), sizeof header);
  if (header.kind != PacketKind::kRequest) {
    return fail(ErrorKind::kSystem, "packet of kind {}", static_cast<std::uint32_t>(header.kind));
  }
  request.number = header.number;
  const std::size_t inline_size = size - sizeof header;
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

bool send_started(int fd) {
  const PacketHeader header{.kind = PacketKind::kStarted};
  iovec piece = piece_of(&header, sizeof header);
  return send_packet(fd, {&piece, 1}, -1);
}

bool send_answer(int fd, const Answer& answer) {
  PacketHeader header{
      .kind = PacketKind::kAnswer, .outcome = answer.outcome, .number = answer.number};
  std::array<iovec, 4> pieces = {piece_of(&header, sizeof header)};
  std::size_t sum = 0;
  for (std::size_t i = 0; i < answer.pieces.size(); ++i) {
    header.pieces[i] = answer.pieces[i].size();
    pieces[i + 1] = piece_of(answer.pieces[i].data(), answer.pieces[i].size());
    sum += answer.pieces[i].size();
  }
  if (sum <= mime::kInlineLimit) return send_packet(fd, pieces, -1);
  const UniqueFd memfd = make_answer_memfd(answer);
  return memfd && send_packet(fd, std::span(pieces).first(1), memfd.get());
}

}  // namespace restante::mimed
