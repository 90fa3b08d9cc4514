// SPDX-License-Identifier: ISC
#include "shared/parser/client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <expected>
#include <span>
#include <tuple>
#include <utility>

#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/packet_socket.h"
#include "shared/base/utf8.h"
#include "shared/log/log.h"
#include "shared/mail/fragment_form.h"
#include "shared/net/event_loop.h"
#include "shared/net/socket_address.h"
#include "shared/parser/progress.h"
#include "shared/parser/protocol.h"

namespace restante::parser {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostLanes = 4;
constexpr unsigned kTries = 2;
constexpr milliseconds kGrace{500};  // for the way there and back, beside the parser's own limit
constexpr milliseconds kReconnect{100};
constexpr milliseconds kAfterLoss{5};
constexpr std::uint64_t kLongestHead = 64 * 1024;  // bytes of an attachment's name and type

UniqueFd connect_to(const std::string& path) {
  const auto address = net::SocketAddress::of_path(path);
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!address || (fd && connect(fd.get(), address->get(), address->size()) != 0)) fd.reset();
  return fd;
}

// Makes a connection known to its parser: what both map.
SharedProgress greet(int fd) {
  auto memfd = SharedProgress::make();
  if (!memfd) return {};
  auto progress = SharedProgress::map(memfd->get());
  PacketHeader header{.kind = PacketKind::kHello};
  iovec part{&header, sizeof header};
  if (!progress || !send_packet(fd, {&part, 1}, memfd->get())) return {};
  return *std::move(progress);
}

// Sends a packet: the header and, beside or inside it, the mail. False with errno set.
bool send_request(int fd, std::uint64_t number, std::string_view raw, int memfd,
                  std::uint64_t size) {
  PacketHeader header{.kind = PacketKind::kRequest, .number = number, .size = size};
  iovec parts[] = {{&header, sizeof header}, {const_cast<char*>(raw.data()), raw.size()}};
  if (memfd >= 0) return send_packet(fd, std::span(parts).first(1), memfd);
  if (raw.size() <= kInlineLimit) return send_packet(fd, parts, -1);
  const auto made = make_sealed_memfd("mail", raw);
  return made && send_packet(fd, std::span(parts).first(1), made->get());
}

// An Answer.
struct Packet {
  PacketHeader header{};
  std::string bytes;  // the pieces
  UniqueFd memfd;     // or where they are
};

// Bytes of the largest answer to a request for `size` bytes of mail. Each byte of a mail may stand
// in a fragment twice, with an escape of six bytes.
std::uint64_t answer_limit(std::uint64_t size) { return 16 * size + kLongestHead; }

// Whether it is an answer of at most `limit` bytes, and the pieces are all that there is.
bool is_sound(const Packet& packet, std::uint64_t limit) {
  if (packet.header.kind != PacketKind::kAnswer) return false;
  std::uint64_t rest = packet.bytes.size();
  if (packet.memfd) {
    const auto size = sealed_size(packet.memfd.get());
    if (!size || !packet.bytes.empty()) return false;
    rest = *size;
  }
  if (rest > limit) return false;
  for (const std::uint64_t piece : packet.header.pieces) {
    if (piece > rest) return false;
    rest -= piece;
  }
  return rest == 0;
}

// nullopt with errno EAGAIN: nothing there; else the connection is of no more use.
std::optional<Packet> receive_answer(int fd, std::span<char, kInlineLimit> body) {
  Packet packet;
  iovec parts[] = {{&packet.header, sizeof packet.header}, {body.data(), body.size()}};
  ReceivedPacket received = receive_packet(fd, parts);
  // Of a parser that died with requests unread that is told first, and once: its answers are there.
  if (received.size < 0 && errno == ECONNRESET) received = receive_packet(fd, parts);
  if (received.size < 0 && errno == EAGAIN) return {};
  errno = EPROTO;
  if (received.size < static_cast<ssize_t>(sizeof packet.header) || received.cut) return {};
  packet.memfd = std::move(received.passed);
  packet.bytes.assign(body.data(), static_cast<std::size_t>(received.size) - sizeof packet.header);
  return packet;
}

// Nothing if they do not have the form of fragments.
std::optional<mail::Fragments> fragments_of(Packet packet) {
  if (packet.memfd) {
    auto content = read_all(packet.memfd.get());
    if (!content) return {};
    packet.bytes = std::move(*content);
  }
  const auto& [summary, bodies, details] = packet.header.pieces;
  if (packet.bytes.size() != summary + bodies + details) return {};
  mail::Fragments fragments{.summary = packet.bytes.substr(0, summary),
                            .bodies = packet.bytes.substr(summary, bodies),
                            .details = packet.bytes.substr(summary + bodies),
                            .parse_error = packet.header.outcome == Outcome::kInPart};
  if (!mail::have_form(fragments)) return {};
  return fragments;
}

// Its name and type are short; its bytes stay in the memfd.
Client::Extraction extraction_of(Packet packet) {
  if (packet.header.outcome == Outcome::kNoSuchAttachment) {
    return NoSuchAttachment{packet.header.number};
  }
  const auto& [name, type, size] = packet.header.pieces;
  if (name + type > kLongestHead) return Failure::kFailed;
  if (!packet.memfd) {
    auto made = make_sealed_memfd("attachment", packet.bytes);
    if (!made) return Failure::kUnavailable;
    packet.memfd = std::move(*made);
  }
  std::string head(name + type, '\0');
  if (pread(packet.memfd.get(), head.data(), head.size(), 0) != static_cast<ssize_t>(head.size())) {
    return Failure::kFailed;
  }
  if (!is_valid_utf8(head) ||
      std::ranges::any_of(head, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return Failure::kFailed;
  return ExtractedAttachment{.name = head.substr(0, name),
                             .type = head.substr(name),
                             .fd = std::make_shared<const UniqueFd>(std::move(packet.memfd)),
                             .offset = head.size(),
                             .size = size};
}

}  // namespace

struct Client::Request {
  std::uint64_t number;  // 0: to parse
  std::string_view raw;
  std::shared_ptr<const UniqueFd> memfd;  // instead of it
  std::uint64_t size;
  ParseDone parsed;  // one of the two
  ExtractDone extracted;
  milliseconds deadline;  // past it no further parser is asked
  unsigned tries = 0;     // parsers that died or were too slow with this mail in hand

  [[nodiscard]] bool is_large() const { return size > kInlineLimit; }
  void give_up() const {
    const Failure failure = tries > 0 ? Failure::kFailed : Failure::kUnavailable;
    if (parsed) return parsed(std::unexpected(failure));
    extracted(failure);
  }
};

// One parser: a connection that is made when needed, and the requests that were given to it.
class Client::Lane {
 public:
  Lane(Client& client, event_base* base, std::string path, bool may_be_large)
      : takes_large(may_be_large),
        client_(client),
        base_(base),
        path_(std::move(path)),
        overdue_(base, [this] { check_overdue(); }),
        send_again_(base, [this] { send_waiting(); }) {
    open();  // so that a parser that is told to go knows that it still has a client
  }

  const bool takes_large;

  [[nodiscard]] std::size_t load() const { return sent_.size() + waiting_.size(); }
  [[nodiscard]] bool has_large() const {
    const auto is_large = [](const RequestPtr& request) { return request->is_large(); };
    return takes_large &&
           (std::ranges::any_of(sent_, is_large) || std::ranges::any_of(waiting_, is_large));
  }

  void enqueue(RequestPtr request) {
    waiting_.push_back(std::move(request));
    if (!send_again_.running()) send_waiting();
  }

 private:
  void send_waiting() {
    if (!fd_) open();
    while (!waiting_.empty()) {
      if (!fd_ || !send(*waiting_.front())) {
        // The parser is behind, or just being replaced: its socket is still there.
        const bool behind = fd_ && (errno == EAGAIN || errno == ENOBUFS);
        if (fd_ && !behind) return lost(errno_text());
        if (drop_overdue()) continue;
        send_again_.start(behind ? milliseconds(1) : kReconnect);
        return;
      }
      progress_->sent.store(++given_, std::memory_order_relaxed);
      if (sent_.empty()) await();
      sent_.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
  }

  [[nodiscard]] bool send(const Request& request) const {
    return send_request(fd_.get(), request.number, request.raw,
                        request.memfd ? request.memfd->get() : -1, request.size);
  }

  // With no parser to be had a mail does not wait for ever.
  bool drop_overdue() {
    if (waiting_.front()->deadline > monotonic_now()) return false;
    const RequestPtr request = std::move(waiting_.front());
    waiting_.pop_front();
    request->give_up();
    return true;
  }

  void open() {
    fd_ = connect_to(path_);
    if (!fd_) return;
    progress_ = greet(fd_.get());
    if (!progress_) return fd_.reset();
    given_ = answered_ = 0;
    readable_.emplace(base_, fd_.get(), [this] { receive(); });
  }

  // Reads what the parser says that there is, and does not ask the kernel for more, which the watch
  // will tell of.
  void receive() {
    do {
      auto packet = receive_answer(fd_.get(), buffer_);
      if (!packet) {
        if (errno != EAGAIN) lost("it died");
        return;
      }
      if (sent_.empty()) return lost("an answer that nobody asked for");
      if (!is_sound(*packet, answer_limit(sent_.front()->size))) {
        return lost("an answer that is too large or not sealed", sent_.front().get());
      }
      if (!answer(*std::move(packet))) {
        return lost("an answer that does not have the form", sent_.front().get());
      }
    } while (fd_ && progress_->answered.load(std::memory_order_acquire) > answered_);
  }

  // Passes the packet to the first request; false if it does not have the form of an answer.
  bool answer(Packet packet) {
    if (!sent_.front()->parsed) {
      pop_answered()->extracted(extraction_of(std::move(packet)));
      return true;
    }
    auto fragments = fragments_of(std::move(packet));
    if (!fragments) return false;
    pop_answered()->parsed(*std::move(fragments));
    return true;
  }

  RequestPtr pop_answered() {
    RequestPtr request = std::move(sent_.front());
    sent_.pop_front();
    ++answered_;
    since_ = monotonic_now();
    return request;
  }

  // The timer is not set anew with each mail: it sees for itself what has come meanwhile.
  void await() {
    since_ = monotonic_now();
    if (!overdue_.running()) overdue_.start(wait_limit());
  }

  void check_overdue() {
    if (sent_.empty()) return;
    const milliseconds now = monotonic_now();
    milliseconds since = since_;
    if (in_hand() != nullptr) {
      const milliseconds taken_at(progress_->taken_at.load(std::memory_order_relaxed));
      if (taken_at <= now) since = std::max(since, taken_at);
    }
    if (since + wait_limit() <= now) return lost("too slow");
    overdue_.start(since + wait_limit() - now);
  }

  // What the parser says that it has in hand.
  [[nodiscard]] Request* in_hand() const {
    const std::uint64_t taken = progress_->taken.load(std::memory_order_acquire);
    const std::uint64_t place = taken - answered_ - 1;
    const bool is_answered = progress_->answered.load(std::memory_order_acquire) >= taken;
    return is_answered || place >= sent_.size() ? nullptr : sent_[place].get();
  }

  [[nodiscard]] milliseconds wait_limit() const { return client_.time_limit_ + kGrace; }

  // The parser is gone or hangs. Only the mail that it had in hand has had a try.
  void lost(std::string_view reason) { lost(reason, in_hand()); }
  void lost(std::string_view reason, Request* tried) {
    client_.counters_.add(memory::Count::kParserLosses);
    log::warning("parser_lost", {{"parser", path_}, {"reason", reason}, {"mails", load()}});
    overdue_.stop();
    if (tried != nullptr) ++tried->tries;
    if (readable_) readable_->stop();
    fd_.reset();
    progress_ = {};
    std::vector<RequestPtr> requests;
    for (RequestPtr& request : sent_) requests.push_back(std::move(request));
    for (RequestPtr& request : waiting_) requests.push_back(std::move(request));
    sent_.clear();
    waiting_.clear();
    // Not at once: this may be called from the watch of the lost connection. But soon, mail or not:
    // a parser that is told to go stays for the clients that it has.
    send_again_.start(kAfterLoss);
    client_.reassign(*this, std::move(requests));
  }

  Client& client_;
  event_base* base_;
  std::string path_;
  UniqueFd fd_;
  SharedProgress progress_;                 // while there is a connection
  std::uint64_t given_ = 0, answered_ = 0;  // requests of the connection
  milliseconds since_{};  // when the last answer came, or a request to a parser with nothing to do
  std::optional<net::ReadWatch> readable_;
  net::Timer overdue_, send_again_;
  std::deque<RequestPtr> sent_, waiting_;
  std::array<char, kInlineLimit> buffer_;
};

Client::Client(event_base* base, const std::vector<std::string>& sockets, std::uint64_t first,
               milliseconds time_limit, memory::Counters counters)
    : time_limit_(time_limit), counters_(std::move(counters)) {
  for (std::uint64_t i = 0; i < std::min(sockets.size(), kMostLanes); ++i) {
    const std::uint64_t number = (first + i) % sockets.size();
    const bool takes_large = number > 0 || sockets.size() == 1;
    lanes_.push_back(std::make_unique<Lane>(*this, base, sockets[number], takes_large));
  }
}

Client::~Client() = default;

milliseconds Client::longest_wait(milliseconds time_limit) { return 4 * (time_limit + kGrace); }

void Client::parse(std::string_view raw, ParseDone done) {
  dispatch(
      std::make_unique<Request>(Request{.number = 0,
                                        .raw = raw,
                                        .memfd = {},
                                        .size = raw.size(),
                                        .parsed = std::move(done),
                                        .extracted = {},
                                        .deadline = monotonic_now() + longest_wait(time_limit_)}));
}

void Client::extract(std::shared_ptr<const UniqueFd> memfd, std::uint64_t size,
                     std::uint64_t number, ExtractDone done) {
  dispatch(
      std::make_unique<Request>(Request{.number = number,
                                        .raw = {},
                                        .memfd = std::move(memfd),
                                        .size = size,
                                        .parsed = {},
                                        .extracted = std::move(done),
                                        .deadline = monotonic_now() + longest_wait(time_limit_)}));
}

// The least busy parser that may have the request, but not one that has a large mail to read if the
// request is small, and not `avoided` where there is another.
Client::Lane& Client::lane_for(const Request& request, const Lane* avoided) const {
  const auto rank = [&request, avoided](const std::unique_ptr<Lane>& lane) {
    return std::tuple(request.is_large() && !lane->takes_large, lane.get() == avoided,
                      !request.is_large() && lane->has_large(), lane->load());
  };
  return **std::ranges::min_element(lanes_, {}, rank);
}

void Client::dispatch(RequestPtr request) {
  Lane& lane = lane_for(*request, nullptr);
  lane.enqueue(std::move(request));
}

void Client::reassign(Lane& from, std::vector<RequestPtr> requests) {
  for (RequestPtr& request : requests) {
    if (request->tries >= kTries || request->deadline <= monotonic_now()) {
      request->give_up();
    } else {
      Lane& next = lane_for(*request, &from);
      next.enqueue(std::move(request));
    }
  }
}

}  // namespace restante::parser
