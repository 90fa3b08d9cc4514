// SPDX-License-Identifier: ISC
// Any packets from a parser that was broken into: whoever asked hears one answer at most, and what
// it says of pieces is what there is.
//
// An input is a byte of what is asked, then packets: a byte that says what one is made of, one of
// its length, one of its memfd's, then the bytes of both. The lengths are also what the parser says
// that it has answered and taken in hand.
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/file.h"
#include "shared/base/packet_socket.h"
#include "shared/base/unique_fd.h"
#include "shared/log/log.h"
#include "shared/net/event_loop.h"
#include "shared/parser/client.h"
#include "shared/parser/progress.h"
#include "shared/parser/protocol.h"

using namespace restante;

namespace {

void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "line %u does not hold\n", where.line());
  std::abort();
}

// Where the parsers listen.
class Parser {
 public:
  Parser() {
    log::to_syslog();  // where nobody listens
    char name[] = "/tmp/restante-fuzz.XXXXXX";
    require(mkdtemp(name) != nullptr);
    directory_ = name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory_ + "/mimed.sock").copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    require(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    require(listen(listener_.get(), 8) == 0);
  }
  ~Parser() {
    unlink((directory_ + "/mimed.sock").c_str());
    rmdir(directory_.c_str());
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] UniqueFd accepted() const {
    return UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  }

 private:
  std::string directory_;
  UniqueFd listener_;
};

std::string_view take(std::string_view& input, std::size_t size) {
  const std::string_view taken = input.substr(0, size);
  input.remove_prefix(taken.size());
  return taken;
}

parser::SharedProgress greeted(int by) {
  parser::PacketHeader header{};
  iovec part{&header, sizeof header};
  const ReceivedPacket hello = receive_packet(by, {&part, 1});
  require(header.kind == parser::PacketKind::kHello);
  return *parser::SharedProgress::map(hello.passed.get());
}

// False when the client has hung up.
bool send_one(int to, parser::SharedProgress& progress, std::string_view& input) {
  constexpr unsigned kOther = 1, kAnswer = 2, kTrueSizes = 4, kWithMemfd = 8;
  const std::string_view head = take(input, 3);
  if (head.size() < 3) return false;
  const auto parts = static_cast<unsigned char>(head[0]);
  progress->answered = static_cast<unsigned char>(head[1]);
  progress->taken = static_cast<unsigned char>(head[2]);
  std::string_view body = take(input, static_cast<unsigned char>(head[1]));
  const std::string_view memfd = take(input, static_cast<unsigned char>(head[2]));
  const bool passes = (parts & kWithMemfd) != 0;
  parser::PacketHeader header{.kind = parser::PacketKind::kAnswer};
  header.outcome = static_cast<parser::Outcome>(parts >> 4 & 3);
  if ((parts & kOther) != 0) header.kind = parser::PacketKind::kRequest;
  if ((parts & kTrueSizes) != 0) {
    if (passes) body = {};
    const std::size_t all = passes ? memfd.size() : body.size();
    header.pieces = {all / 4, all / 4, all - 2 * (all / 4)};
  }
  std::vector<iovec> pieces;
  if ((parts & kAnswer) != 0) pieces.push_back({&header, sizeof header});
  if (!body.empty()) pieces.push_back({const_cast<char*>(body.data()), body.size()});
  const UniqueFd fd = passes ? *make_sealed_memfd("fuzz", memfd) : UniqueFd();
  return send_packet(to, pieces, fd ? fd.get() : -1);
}

void check(const parser::Client::Extraction& extraction) {
  const auto* const found = std::get_if<parser::ExtractedAttachment>(&extraction);
  if (found == nullptr) return;
  struct stat status{};
  require(fstat(found->fd->get(), &status) == 0);
  require(found->offset == found->name.size() + found->type.size());
  require(found->offset + found->size == static_cast<std::uint64_t>(status.st_size));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const Parser parser;
  static net::EventLoop loop;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const bool extracts = take(input, 1).starts_with('x');
  constexpr std::string_view kRaw = "Subject: s\r\n\r\ntext\r\n";
  unsigned parsed = 0, extracted = 0;
  parser::Client client(loop.base(), std::vector{parser.directory() + "/mimed.sock"}, 0,
                        std::chrono::seconds(10));
  const UniqueFd connection = parser.accepted();
  require(static_cast<bool>(connection));
  parser::SharedProgress progress = greeted(connection.get());
  for (int i = 0; i < 2; ++i) {
    client.parse(kRaw, [&](const auto&) { ++parsed; });
    if (!extracts) continue;
    auto memfd = std::make_shared<const UniqueFd>(*make_sealed_memfd("mail", kRaw));
    client.extract(std::move(memfd), kRaw.size(), 1, [&](const auto& extraction) {
      check(extraction);
      ++extracted;
    });
  }
  while (send_one(connection.get(), progress, input)) event_base_loop(loop.base(), EVLOOP_NONBLOCK);
  event_base_loop(loop.base(), EVLOOP_NONBLOCK);
  require(parsed <= 2 && extracted <= (extracts ? 2U : 0U));
  return 0;
}
