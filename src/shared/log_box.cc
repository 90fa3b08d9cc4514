// SPDX-License-Identifier: ISC
// The box in which the log's open file lies, one for all processes.
#include "shared/log_box.h"

#include <sys/socket.h>

#include <cstring>

namespace restante {
namespace {

union Control {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr alignment;
};

}  // namespace

Result<LogBox> LogBox::make() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return fail(ErrorKind::kSystem, "socketpair: {}", errno_text());
  }
  LogBox box;
  box.reader_.reset(ends[0]);
  box.writer_.reset(ends[1]);
  return box;
}

Result<void> LogBox::put(int file) {
  std::uint64_t number = last_number_ + 1;
  iovec payload{&number, sizeof number};
  Control control{};
  msghdr message{};
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof file);
  std::memcpy(CMSG_DATA(header), &file, sizeof file);
  if (sendmsg(writer_.get(), &message, MSG_NOSIGNAL) < 0) {
    return fail(ErrorKind::kSystem, "sendmsg: {}", errno_text());
  }
  // The new one first, so that whoever looks meanwhile finds one.
  if (last_number_ > 0) (void)recv(reader_.get(), &number, sizeof number, 0);
  ++last_number_;
  return {};
}

std::optional<NumberedFile> look_into_log_box(int box, std::uint64_t known) {
  NumberedFile found;
  constexpr auto kSize = static_cast<ssize_t>(sizeof found.number);
  const ssize_t got = recv(box, &found.number, sizeof found.number, MSG_PEEK | MSG_DONTWAIT);
  if (got != kSize || found.number == known) return {};
  iovec payload{&found.number, sizeof found.number};
  Control control{};
  msghdr message{};
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  if (recvmsg(box, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != kSize) return {};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return {};  // out of descriptors
  int file = -1;
  std::memcpy(&file, CMSG_DATA(header), sizeof file);
  found.file.reset(file);
  return found;
}

}  // namespace restante
