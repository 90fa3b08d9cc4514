// SPDX-License-Identifier: ISC
#include "apid/http/tls_transport.h"

#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "apid/http/catching.h"

namespace restante::apid {
namespace {

// A head and two records of 16 KiB, the largest. A client that does not read makes the worker keep
// so many bytes, besides the memory that restante(8) calculates for each connection.
constexpr std::size_t kMostHeld = std::size_t{34} * 1024;
constexpr std::size_t kMostPieces = 16;  // of one system call

}  // namespace

TlsTransport::TlsTransport(gnutls_session_int* session, int fd, std::function<void()> ran_dry)
    : fd_(fd), ran_dry_(std::move(ran_dry)) {
  gnutls_transport_set_ptr(session, this);
  gnutls_transport_set_pull_function(
      session, [](gnutls_transport_ptr_t self, void* room, std::size_t size) {
        return static_cast<TlsTransport*>(self)->read(static_cast<char*>(room), size);
      });
  gnutls_transport_set_vec_push_function(
      session, [](gnutls_transport_ptr_t self, const giovec_t* pieces, int count) {
        return static_cast<TlsTransport*>(self)->write(pieces, count);
      });
}

ssize_t TlsTransport::receive(char* room, std::size_t size) {
  const ssize_t got = ::recv(fd_, room, size, 0);
  const int error_number = errno;
  if (got < 0 && (error_number == EAGAIN || error_number == EWOULDBLOCK)) ran_dry_();
  errno = error_number;
  return got;
}

ssize_t TlsTransport::read(char* room, std::size_t size) {
  if (ahead_from_ == ahead_to_) {
    if (size >= ahead_.size()) return receive(room, size);
    const ssize_t got = receive(ahead_.data(), ahead_.size());
    if (got <= 0) return got;
    ahead_from_ = 0;
    ahead_to_ = static_cast<std::size_t>(got);
  }
  const std::size_t given = std::min(size, ahead_to_ - ahead_from_);
  std::memcpy(room, ahead_.data() + ahead_from_, given);
  ahead_from_ += given;
  return static_cast<ssize_t>(given);
}

// A record is larger than its content. So while all records together are smaller than the expected
// body, another record follows, and nothing that is held here stays unsent.
ssize_t TlsTransport::write(const iovec* pieces, int count) {
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) size += pieces[i].iov_len;
  if (size < expected_ && hold({pieces, static_cast<std::size_t>(count)}, size)) {
    expected_ -= size;
    return static_cast<ssize_t>(size);
  }
  std::array<iovec, kMostPieces> all;
  all[0] = {held_.data(), held_.size()};
  const std::size_t taken = std::min<std::size_t>(count, all.size() - 1);
  std::copy_n(pieces, taken, all.begin() + 1);
  msghdr message{};
  message.msg_iov = all.data();
  message.msg_iovlen = taken + 1;
  const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (sent < 0) return sent;
  const std::size_t of_held = std::min(held_.size(), static_cast<std::size_t>(sent));
  held_.erase(0, of_held);
  const std::size_t of_these = static_cast<std::size_t>(sent) - of_held;
  if (of_these == 0) {
    errno = EAGAIN;
    return -1;
  }
  expected_ -= std::min<std::uint64_t>(expected_, of_these);
  if (expected_ == 0) held_ = {};
  return static_cast<ssize_t>(of_these);
}

bool TlsTransport::hold(std::span<const iovec> pieces, std::size_t size) {
  if (held_.size() + size > kMostHeld) return false;
  return catching([&] {
    held_.reserve(std::min<std::uint64_t>(kMostHeld, held_.size() + expected_));
    for (const iovec& piece : pieces) {
      held_.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
  });
}

}  // namespace restante::apid
