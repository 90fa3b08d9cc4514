// SPDX-License-Identifier: ISC
// What of a TLS session is sent at once, and what is read ahead. A socket of packets shows how
// often something was sent.
#include "apid/http/tls_transport.h"

#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/c_ptr.h"
#include "shared/base/unique_fd.h"
#include "testing.h"

namespace {

using restante::CPtr;
using restante::UniqueFd;
using restante::apid::TlsTransport;

constexpr std::size_t kRecord = 16406;  // of 16 KiB

class Pair {
 public:
  explicit Pair(int type) {
    int both[2];
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, both) != 0) fail_test("no sockets");
    near_.reset(both[0]);
    far_.reset(both[1]);
    gnutls_session_t made = nullptr;
    if (gnutls_init(&made, GNUTLS_SERVER) != 0) fail_test("no session");
    session_.reset(made);
    transport_.emplace(made, near_.get(), [this] { ++times_dry; });
  }

  int times_dry = 0;  // read() found nothing

  void expect_body(std::uint64_t bytes) { transport_->expect_body(bytes); }

  // "again", "error", or how much was taken.
  std::string write(std::string_view record) {
    const iovec pieces[] = {{const_cast<char*>(record.data()), 1},
                            {const_cast<char*>(record.data()) + 1, record.size() - 1}};
    return told(transport_->write(pieces, 2));
  }

  // As much as `size`, or "again".
  std::string read(std::size_t size) {
    std::string room(size, '\0');
    const ssize_t got = transport_->read(room.data(), size);
    return got < 0 ? told(got) : room.substr(0, static_cast<std::size_t>(got));
  }

  void hear(std::string_view bytes) { (void)!::send(far_.get(), bytes.data(), bytes.size(), 0); }

  // What was sent: a packet, or all that is there; empty if nothing.
  std::string sent() {
    std::string room(1 << 20, '\0');
    const ssize_t got = ::recv(far_.get(), room.data(), room.size(), 0);
    return room.substr(0, got < 0 ? 0 : static_cast<std::size_t>(got));
  }

  void end() { far_.reset(); }

 private:
  static std::string told(ssize_t result) {
    if (result >= 0) return std::to_string(result);
    return errno == EAGAIN ? "again" : "error";
  }

  UniqueFd near_, far_;
  CPtr<gnutls_session_int, gnutls_deinit> session_;
  std::optional<TlsTransport> transport_;
};

TEST(a_head_is_sent_with_its_body) {
  Pair pair(SOCK_SEQPACKET);
  pair.expect_body(100);
  assert_same(pair.write(std::string(50, 'h')), "50");
  assert_same(pair.sent(), "");
  assert_same(pair.write(std::string(122, 'b')), "122");
  assert_same(pair.sent(), std::string(50, 'h') + std::string(122, 'b'));
}

TEST(an_answer_without_a_body_is_sent) {
  Pair pair(SOCK_SEQPACKET);
  pair.expect_body(100);
  (void)pair.write(std::string(50, 'h'));
  (void)pair.write(std::string(122, 'b'));
  (void)pair.sent();
  pair.expect_body(0);
  assert_same(pair.write(std::string(50, 'h')), "50");
  assert_same(pair.sent(), std::string(50, 'h'));
}

TEST(a_head_that_is_larger_than_its_body_is_sent) {
  Pair pair(SOCK_SEQPACKET);
  pair.expect_body(3);
  assert_same(pair.write(std::string(50, 'h')), "50");
  assert_same(pair.sent(), std::string(50, 'h'));
  assert_same(pair.write(std::string(25, 'b')), "25");
  assert_same(pair.sent(), std::string(25, 'b'));
}

TEST(a_large_body_is_sent_some_records_at_a_time) {
  Pair pair(SOCK_SEQPACKET);
  pair.expect_body(6 * 16384);
  std::string packets;
  for (int record = 0; record < 6; ++record) {
    (void)pair.write(std::string(kRecord, 'b'));
    packets += std::to_string(pair.sent().size() / kRecord);
  }
  assert_same(packets, "003003");
}

TEST(what_does_not_fit_is_sent_later) {
  Pair pair(SOCK_STREAM);
  const std::uint64_t records = 200;
  pair.expect_body(records * 16384);
  std::string given, got;
  bool was_full = false;
  for (std::uint64_t number = 0; number < records; ++number) {
    std::string record(kRecord, static_cast<char>('a' + number % 26));
    given += record;
    while (!record.empty()) {
      const std::string taken = pair.write(record);
      if (taken == "again") {
        was_full = true;
        got += pair.sent();
      } else {
        record.erase(0, std::stoul(taken));
      }
    }
  }
  for (std::string more = pair.sent(); !more.empty(); more = pair.sent()) got += more;
  assert_true(was_full);
  assert_same(got, given);
}

TEST(what_was_read_ahead_comes_first) {
  Pair pair(SOCK_STREAM);
  assert_same(pair.read(5), "again");
  assert_int_equal(pair.times_dry, 1);
  pair.hear("12345abcdefg");
  assert_same(pair.read(5), "12345");
  pair.hear("hi");
  assert_same(pair.read(100), "abcdefg");
  assert_same(pair.read(1), "h");
  assert_same(pair.read(5000), "i");
  assert_same(pair.read(5000), "again");
  pair.hear(std::string(3000, 'x'));
  assert_same(pair.read(5), "xxxxx");
  assert_same(pair.read(5000) + pair.read(5000), std::string(2995, 'x'));
  pair.end();
  assert_same(pair.read(5), "");
}

}  // namespace
