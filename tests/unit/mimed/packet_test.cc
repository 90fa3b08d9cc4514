// SPDX-License-Identifier: ISC
// Packets over a pair of sockets: what is taken for a request, and how an answer goes out.
#include "mimed/packet.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/file.h"
#include "shared/base/packet_socket.h"
#include "shared/base/unique_fd.h"
#include "shared/parser/progress.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::mimed;
using parser::PacketHeader;
using parser::PacketKind;

struct Pair {
  UniqueFd near, far;

  Pair() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    near.reset(fds[0]);
    far.reset(fds[1]);
  }
};

void send_bytes(const Pair& pair, parser::PacketHeader header, std::string_view body,
                int passed = -1) {
  iovec pieces[] = {{&header, sizeof header}, {const_cast<char*>(body.data()), body.size()}};
  if (!send_packet(pair.near.get(), pieces, passed)) std::abort();
}

// "NUMBER MAIL", "hello", "nothing", "closed" or "error".
std::string received(const Pair& pair) {
  std::vector<std::byte> buffer(parser::kPacketLimit);
  Mapping mapping;
  Request request;
  const auto got = receive_request(pair.far.get(), buffer, mapping, request);
  if (!got) return "error";
  if (*got == Received::kNothing) return "nothing";
  if (*got == Received::kClosed) return "closed";
  if (*got == Received::kHello) return request.progress ? "hello" : "hello without memfd";
  return std::to_string(request.number) + " " + std::string(request.raw);
}

parser::PacketHeader request_header(std::uint64_t number, std::uint64_t size) {
  return {.kind = parser::PacketKind::kRequest, .number = number, .size = size};
}

UniqueFd memfd_of(std::string_view content) { return *make_sealed_memfd("test", content); }

TEST(a_request_has_its_mail_in_the_packet_or_in_a_memfd) {
  const Pair pair;
  assert_same(received(pair), "nothing");
  send_bytes(pair, request_header(0, 4), "mail");
  assert_same(received(pair), "0 mail");
  send_bytes(pair, request_header(7, 0), "");
  assert_same(received(pair), "7 ");
  send_bytes(pair, request_header(2, 8), "", memfd_of("in memfd").get());
  assert_same(received(pair), "2 in memfd");
}

TEST(a_hello_has_a_memfd_and_nothing_else) {
  const Pair pair;
  const UniqueFd progress = *parser::SharedProgress::make();
  send_bytes(pair, {.kind = parser::PacketKind::kHello}, "", progress.get());
  assert_same(received(pair), "hello");
  send_bytes(pair, {.kind = parser::PacketKind::kHello}, "");
  assert_same(received(pair), "error");
  send_bytes(pair, {.kind = parser::PacketKind::kHello, .size = 1}, "a", progress.get());
  assert_same(received(pair), "error");
}

TEST(what_contradicts_itself_is_no_request) {
  const Pair pair;
  send_bytes(pair, request_header(0, 5), "mail");
  assert_same(received(pair), "error");
  send_bytes(pair, request_header(0, 4), "mail", memfd_of("mail").get());
  assert_same(received(pair), "error");
  send_bytes(pair, request_header(0, 7), "", memfd_of("in memfd").get());
  assert_same(received(pair), "error");
  send_bytes(pair, {.kind = parser::PacketKind::kAnswer, .size = 4}, "mail");
  assert_same(received(pair), "error");
  for (const std::size_t told : {parser::kInlineLimit, parser::kInlineLimit + 1}) {
    send_bytes(pair, request_header(0, told), std::string(parser::kInlineLimit + 1, 'a'));
    assert_same(received(pair), "error");
  }
}

TEST(a_client_that_goes_has_closed) {
  Pair pair;
  pair.near.reset();
  assert_same(received(pair), "closed");
}

// "OUTCOME NUMBER SIZE,SIZE,SIZE inline|memfd BYTES".
std::string answered(const Answer& answer) {
  const Pair pair;
  const auto made = make_packet(answer);
  if (!made || !send_answer(pair.far.get(), *made)) return "not sent";
  parser::PacketHeader header{};
  std::string body(parser::kInlineLimit, '\0');
  iovec pieces[] = {{&header, sizeof header}, {body.data(), body.size()}};
  const ReceivedPacket packet = receive_packet(pair.near.get(), pieces);
  if (packet.size < 0 || packet.cut) return "not received";
  body.resize(static_cast<std::size_t>(packet.size) - sizeof header);
  if (packet.passed) body += read_all(packet.passed.get()).value_or("unreadable");
  return fmt::format("{} {} {},{},{} {} {}", static_cast<int>(header.outcome), header.number,
                     header.pieces[0], header.pieces[1], header.pieces[2],
                     packet.passed ? "memfd" : "inline", body);
}

TEST(an_answer_has_its_pieces_in_the_packet_while_they_fit) {
  assert_same(answered({.pieces = {"a.pdf", "application/pdf", std::string_view("\0x", 2)}}),
              std::string_view("0 0 5,15,2 inline a.pdfapplication/pdf\0x", 40));
  const std::string fits(parser::kInlineLimit - 2, 'a');
  const std::string size = std::to_string(fits.size());
  assert_same(answered({.pieces = {"b", "c", fits}}), "0 0 1,1," + size + " inline bc" + fits);
  assert_same(answered({.pieces = {"b", "cc", fits}}), "0 0 1,2," + size + " memfd bcc" + fits);
}

TEST(an_answer_says_that_there_is_no_such_attachment) {
  assert_same(answered({.outcome = parser::Outcome::kNoSuchAttachment, .number = 3}),
              "2 3 0,0,0 inline ");
}

}  // namespace
