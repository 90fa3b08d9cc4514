// SPDX-License-Identifier: ISC
// sendmsg and recvmsg for packets that may carry one descriptor.
#include "mimed/packet.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "shared/mime_protocol.h"

namespace restante::mimed {
namespace {

using mime::PacketHeader;
using mime::PacketKind;

// Room for the one descriptor that a packet may carry, aligned as cmsg(3) asks. Of a packet with
// more the kernel closes the others and says MSG_CTRUNC.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

UniqueFd take_descriptor(msghdr& message) {
  UniqueFd taken;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    taken.reset(fd);
  }
  return taken;
}

bool send_packet(int fd, std::span<iovec> pieces, int passed) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  Control control;
  if (passed >= 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(rights), &passed, sizeof passed);
  }
  return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// All fragments in one sealed memfd, without joining them in memory first.
UniqueFd make_answer_memfd(const Fragments& fragments) {
  UniqueFd fd(memfd_create("mime_answer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || !write_all(fd.get(), fragments.summary) || !write_all(fd.get(), fragments.bodies) ||
      !write_all(fd.get(), fragments.details)) {
    return {};
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
                                 std::string_view& raw) {
  iovec piece{buffer.data(), buffer.size()};
  Control control;
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  // Not CMSG_SPACE: its padding has room for a second descriptor.
  message.msg_controllen = CMSG_LEN(sizeof(int));
  const ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) {
    return errno == EAGAIN || errno == EINTR ? Received::kNothing : Received::kClosed;
  }
  const UniqueFd memfd = take_descriptor(message);
  if (got == 0) return Received::kClosed;
  const auto size = static_cast<std::size_t>(got);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || size < sizeof(PacketHeader)) {
    return fail(ErrorKind::kSystem, "packet too large or too small: {} bytes", size);
  }
  PacketHeader header{};
  std::memcpy(&header, buffer.data(), sizeof header);
  if (header.kind != PacketKind::kRequest) {
    return fail(ErrorKind::kSystem, "packet of kind {}", static_cast<std::uint32_t>(header.kind));
  }
  const std::size_t inline_size = size - sizeof header;
  if (memfd && inline_size == 0) {
    if (auto mapped = mapping.map(memfd.get(), header.size); !mapped) {
      return std::unexpected(mapped.error());
    }
    raw = mapping.bytes();
    return Received::kMail;
  }
  if (memfd || inline_size != header.size) {
    return fail(ErrorKind::kSystem, "request of {} bytes with {} in the packet", header.size,
                inline_size);
  }
  raw = {reinterpret_cast<const char*>(buffer.data()) + sizeof header, inline_size};
  return Received::kMail;
}

bool send_started(int fd) {
  const PacketHeader header{PacketKind::kStarted, 0, 0, 0, 0, 0};
  std::array<iovec, 1> pieces = {piece_of(&header, sizeof header)};
  return send_packet(fd, pieces, -1);
}

bool send_answer(int fd, const Fragments& fragments) {
  const std::string& summary = fragments.summary;
  const std::string& bodies = fragments.bodies;
  const std::string& details = fragments.details;
  const PacketHeader header{PacketKind::kAnswer, fragments.parse_error, 0,
                            summary.size(),      bodies.size(),         details.size()};
  std::array<iovec, 4> pieces = {
      piece_of(&header, sizeof header), piece_of(summary.data(), summary.size()),
      piece_of(bodies.data(), bodies.size()), piece_of(details.data(), details.size())};
  if (summary.size() + bodies.size() + details.size() <= mime::kInlineLimit) {
    return send_packet(fd, pieces, -1);
  }
  const UniqueFd memfd = make_answer_memfd(fragments);
  return memfd && send_packet(fd, std::span(pieces).first(1), memfd.get());
}

}  // namespace restante::mimed
