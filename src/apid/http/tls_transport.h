// SPDX-License-Identifier: ISC
// How a TLS session of libmicrohttpd reads and writes its socket: fewer system calls than GnuTLS
// makes by itself, which reads the five bytes that a record begins with alone, and sends each
// record alone.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

struct gnutls_session_int;
struct iovec;

namespace restante::apid {

class TlsTransport {
 public:
  // `session` and the socket `fd` are not used after the object's end, at which both may be closed.
  TlsTransport(gnutls_session_int* session, int fd);
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  // The next answer has a body of so many bytes: what comes before its end may wait for it here.
  void expect_body(std::uint64_t bytes) { expected_ = bytes; }

  // As GnuTLS calls them: as recv(2) and writev(2).
  [[nodiscard]] ssize_t read(char* room, std::size_t size);
  [[nodiscard]] ssize_t write(const iovec* pieces, int count);

 private:
  [[nodiscard]] bool hold(std::span<const iovec> pieces, std::size_t size);

  int fd_;
  std::array<char, 1024> ahead_;  // room for the record of a request
  std::size_t ahead_from_ = 0, ahead_to_ = 0;
  std::string held_;            // records that have not been sent
  std::uint64_t expected_ = 0;  // at least so many bytes follow
};

}  // namespace restante::apid
