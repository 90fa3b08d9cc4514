// SPDX-License-Identifier: ISC
#include "shared/base/packet_socket.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace restante {
inline namespace base {
namespace {

// Room for the one descriptor that a packet may carry, aligned as cmsg(3) asks. Of a packet with
// more the kernel closes the others and says MSG_CTRUNC.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

UniqueFd extract_descriptor(msghdr& message) {
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

}  // namespace

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

ReceivedPacket receive_packet(int fd, std::span<iovec> pieces, int flags) {
  Control control;
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  message.msg_control = control.bytes.data();
  // Not CMSG_SPACE: its padding has room for a second descriptor.
  message.msg_controllen = CMSG_LEN(sizeof(int));
  ReceivedPacket packet;
  packet.size = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (packet.size < 0) return packet;
  packet.passed = extract_descriptor(message);
  packet.cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  return packet;
}

}  // namespace base
}  // namespace restante
