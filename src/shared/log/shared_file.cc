// SPDX-License-Identifier: ISC
#include "shared/log/shared_file.h"

#include <sys/socket.h>

#include <utility>

#include "shared/base/packet_socket.h"

namespace restante::log {

Result<SharedFile> SharedFile::make() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return fail(ErrorKind::kSystem, "socketpair: {}", errno_text());
  }
  SharedFile made;
  made.reader_.reset(ends[0]);
  made.writer_.reset(ends[1]);
  return made;
}

Result<void> SharedFile::put(int file) {
  std::uint64_t number = last_number_ + 1;
  iovec payload{&number, sizeof number};
  if (!send_packet(writer_.get(), {&payload, 1}, file)) {
    return fail(ErrorKind::kSystem, "sendmsg: {}", errno_text());
  }
  // The new message first: a worker that peeks meanwhile finds one of the two.
  if (last_number_ > 0) (void)recv(reader_.get(), &number, sizeof number, 0);
  ++last_number_;
  return {};
}

std::optional<NumberedFile> look_for_file(int reader, std::uint64_t known) {
  NumberedFile found;
  constexpr auto kSize = static_cast<ssize_t>(sizeof found.number);
  const ssize_t got = recv(reader, &found.number, sizeof found.number, MSG_PEEK | MSG_DONTWAIT);
  if (got != kSize || found.number == known) return {};
  iovec payload{&found.number, sizeof found.number};
  ReceivedPacket packet = receive_packet(reader, {&payload, 1}, MSG_PEEK);
  if (packet.size != kSize || !packet.passed) return {};  // out of descriptors
  found.file = std::move(packet.passed);
  return found;
}

}  // namespace restante::log
