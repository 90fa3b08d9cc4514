// SPDX-License-Identifier: ISC
// Reads and writes the socket of a TLS session with fewer system calls.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

struct gnutls_session_int;
struct iovec;

namespace restante::apid {

// GnuTLS by itself makes one system call for the five bytes of each record's header, one for its
// content, and one for each record that it sends. A TlsTransport reads ahead, and holds the first
// records of a response until there is enough to send.
class TlsTransport {
 public:
  // Installs itself in `session`, whose socket is `fd`. Both must be open when this object is made,
  // and GnuTLS must not use the session after this object is destroyed. Calls `ran_dry` from within
  // read() whenever GnuTLS asks for more than the client has sent.
  TlsTransport(gnutls_session_int* session, int fd, std::function<void()> ran_dry);
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  // The next response has a body of `bytes` bytes. Records before its end may be held for it.
  void expect_body(std::uint64_t bytes) { expected_ = bytes; }

  // GnuTLS calls these. They return what recv(2) and writev(2) return, and set errno.
  [[nodiscard]] ssize_t read(char* room, std::size_t size);
  [[nodiscard]] ssize_t write(const iovec* pieces, int count);

 private:
  [[nodiscard]] bool hold(std::span<const iovec> pieces, std::size_t size);

  [[nodiscard]] ssize_t receive(char* room, std::size_t size);

  int fd_;
  std::function<void()> ran_dry_;
  std::array<char, 1024> ahead_;  // fits the record of a usual request
  std::size_t ahead_from_ = 0, ahead_to_ = 0;
  std::string held_;            // records that have not been sent
  std::uint64_t expected_ = 0;  // at least so many bytes will follow
};

}  // namespace restante::apid
