// SPDX-License-Identifier: ISC
// Any bytes as a packet to mimed, alone or with a memfd: it is an error, a hello with the memfd, or
// a request whose mail is as long as its header says.
//
// An input is a byte that says what the packet is made of, one of the memfd's length, then both.
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "mimed/packet.h"
#include "shared/base/file.h"
#include "shared/base/packet_socket.h"
#include "shared/base/unique_fd.h"
#include "shared/parser/progress.h"

namespace {

using namespace restante;
using namespace restante::mimed;

struct Pair {
  UniqueFd near, far;
  Pair() {
    std::array<int, 2> fds{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0) std::abort();
    near.reset(fds[0]);
    far.reset(fds[1]);
  }
};

constexpr unsigned kWithMemfd = 1, kWithHeader = 2, kTrueSize = 4;

// The bytes of the packet.
std::string send(const Pair& pair, unsigned parts, std::string_view memfd,
                 std::string_view packet) {
  const bool passes = (parts & kWithMemfd) != 0;
  parser::PacketHeader header{.kind = parser::PacketKind::kRequest, .number = memfd.size()};
  if ((parts & kTrueSize) != 0) header.size = passes ? memfd.size() : packet.size();
  if ((parts & kTrueSize) != 0 && passes) packet = {};
  std::vector<iovec> pieces;
  if ((parts & kWithHeader) != 0) pieces.push_back({&header, sizeof header});
  if (!packet.empty()) pieces.push_back({const_cast<char*>(packet.data()), packet.size()});
  const UniqueFd fd = passes ? *make_sealed_memfd("fuzz", memfd) : UniqueFd();
  if (!send_packet(pair.near.get(), pieces, fd ? fd.get() : -1)) std::abort();
  std::string sent;
  for (const iovec& piece : pieces) sent.append(static_cast<char*>(piece.iov_base), piece.iov_len);
  return sent;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < 2 || size > parser::kPacketLimit) return -1;
  static const Pair pair;
  static std::vector<std::byte> buffer(parser::kPacketLimit);
  std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string_view memfd = input.substr(0, data[1]);
  const std::string sent = send(pair, data[0], memfd, input.substr(memfd.size()));
  Mapping mapping;
  Request request;
  const auto got = receive_request(pair.far.get(), buffer, mapping, request);
  if (!got) return 0;
  if (*got == Received::kNothing) std::abort();
  if (*got == Received::kClosed) return 0;
  const bool mapped = mapping.bytes().data() != nullptr;
  if (mapped && request.raw != memfd) std::abort();
  parser::PacketHeader header{};
  if (sent.size() < sizeof header) std::abort();
  std::memcpy(&header, sent.data(), sizeof header);
  if (*got == Received::kHello) {
    const auto content = read_all(request.progress.get());
    if (header.kind != parser::PacketKind::kHello || !content || *content != memfd) std::abort();
    if (parser::SharedProgress::map(request.progress.get())) std::abort();  // not made as one
    return 0;
  }
  if (header.kind != parser::PacketKind::kRequest || header.size != request.raw.size())
    std::abort();
  if (header.number != request.number) std::abort();
  if (!mapped && request.raw != std::string_view(sent).substr(sizeof header)) std::abort();
  return 0;
}
