// SPDX-License-Identifier: ISC
// Asks mimed to parse: one lane per parser, requests in order, second tries.
#include "smtpd/mime_client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <span>
#include <utility>

#include "shared/event_loop.h"
#include "shared/log.h"
#include "shared/mime_protocol.h"
#include "shared/rate_table.h"
#include "shared/worker_context.h"

namespace restante::smtpd {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostLanes = 4;
constexpr unsigned kTries = 2;
constexpr milliseconds kGrace{500};  // for the way there and back, beside the parser's own limit
constexpr milliseconds kReconnect{100};
constexpr milliseconds kAfterLoss{5};

UniqueFd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd && connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fd.reset();
  }
  return fd;
}

// Sends a packet: the header and, beside or inside it, the mail. False with errno set.
bool send_request(int fd, std::string_view raw) {
  mime::PacketHeader header{.kind = mime::PacketKind::kRequest,
                            .parse_error = 0,
                            .size = raw.size(),
                            .summary_size = 0,
                            .bodies_size = 0,
                            .details_size = 0};
  iovec parts[] = {{&header, sizeof header}, {const_cast<char*>(raw.data()), raw.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  UniqueFd memfd;
  if (raw.size() > mime::kInlineLimit) {
    auto made = make_sealed_memfd("mail", raw);
    if (!made) return false;
    memfd = std::move(*made);
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int descriptor = memfd.get();
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  }
  return sendmsg(fd, &message, MSG_NOSIGNAL) >= 0;
}

struct Packet {
  mime::PacketHeader header{};
  std::string fragments;
};

// nullopt with errno EAGAIN: nothing there; else the connection is of no more use.
std::optional<Packet> receive_packet(int fd, std::span<char, mime::kInlineLimit> body) {
  Packet packet;
  iovec parts[] = {{&packet.header, sizeof packet.header}, {body.data(), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  if (got < 0 && errno == EAGAIN) return {};
  UniqueFd memfd;
  if (const cmsghdr* rights = CMSG_FIRSTHDR(&message); got > 0 && rights != nullptr) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
    memfd.reset(descriptor);
  }
  errno = EPROTO;
  if (got < static_cast<ssize_t>(sizeof packet.header)) return {};
  if (memfd) {
    auto content = read_all(memfd.get());
    if (!content) return {};
    packet.fragments = std::move(*content);
  } else {
    packet.fragments.assign(body.data(), static_cast<std::size_t>(got) - sizeof packet.header);
  }
  const auto& header = packet.header;
  const std::uint64_t behind_summary = packet.fragments.size() - header.summary_size;
  if (header.summary_size > packet.fragments.size() || header.bodies_size > behind_summary ||
      header.details_size != behind_summary - header.bodies_size) {
    return {};
  }
  return packet;
}

Fragments fragments_of(const Packet& packet) {
  const std::size_t summary = packet.header.summary_size;
  const std::size_t bodies = packet.header.bodies_size;
  return {.summary = packet.fragments.substr(0, summary),
          .bodies = packet.fragments.substr(summary, bodies),
          .details = packet.fragments.substr(summary + bodies),
          .parse_error = packet.header.parse_error != 0};
}

}  // namespace

struct MimeClient::Request {
  std::string_view raw;
  Done done;
  milliseconds deadline;  // past it no further parser is asked
  unsigned tries = 0;     // parsers that died or were too slow with this mail in hand
  bool in_hand = false;
};

// One parser: a connection that is made when needed, and the requests that were given to it.
class MimeClient::Lane {
 public:
  Lane(MimeClient& client, event_base* base, std::string path)
      : client_(client),
        base_(base),
        path_(std::move(path)),
        overdue_(base, [this] { lost("too slow"); }),
        send_again_(base, [this] { send_waiting(); }) {
    open();  // so that a parser that is told to go knows that it still has a client
  }

  [[nodiscard]] std::size_t load() const { return sent_.size() + waiting_.size(); }

  void take(RequestPtr request) {
    waiting_.push_back(std::move(request));
    if (!send_again_.running()) send_waiting();
  }

 private:
  void send_waiting() {
    if (!fd_) open();
    while (!waiting_.empty()) {
      if (!fd_ || !send_request(fd_.get(), waiting_.front()->raw)) {
        // The parser is behind, or just being replaced: its socket is still there.
        const bool behind = fd_ && (errno == EAGAIN || errno == ENOBUFS);
        if (fd_ && !behind) return lost(errno_text());
        if (drop_overdue()) continue;
        send_again_.start(behind ? milliseconds(1) : kReconnect);
        return;
      }
      sent_.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
      if (sent_.size() == 1) overdue_.start(client_.time_limit_ + kGrace);
    }
  }

  // With no parser to be had a mail does not wait for ever: it is stored unparsed.
  bool drop_overdue() {
    if (waiting_.front()->deadline > monotonic_now()) return false;
    const RequestPtr request = std::move(waiting_.front());
    waiting_.pop_front();
    request->done({});
    return true;
  }

  void open() {
    fd_ = connect_to(path_);
    if (fd_) readable_.emplace(base_, fd_.get(), [this] { receive(); });
  }

  void receive() {
    while (fd_) {
      auto packet = receive_packet(fd_.get(), buffer_);
      if (!packet) {
        if (errno != EAGAIN) lost("it died");
        return;
      }
      if (sent_.empty()) return lost("an answer that nobody asked for");
      if (packet->header.kind == mime::PacketKind::kStarted) {
        sent_.front()->in_hand = true;
        overdue_.start(client_.time_limit_ + kGrace);
        continue;
      }
      const RequestPtr request = std::move(sent_.front());
      sent_.pop_front();
      sent_.empty() ? overdue_.stop() : overdue_.start(client_.time_limit_ + kGrace);
      request->done(fragments_of(*packet));
    }
  }

  // The parser is gone or hangs. Only the mail that it had in hand has had a try.
  void lost(std::string_view reason) {
    log::warning("parser_lost", {{"parser", path_}, {"reason", reason}, {"mails", load()}});
    overdue_.stop();
    if (readable_) readable_->stop();
    fd_.reset();
    std::vector<RequestPtr> requests;
    for (RequestPtr& request : sent_) requests.push_back(std::move(request));
    for (RequestPtr& request : waiting_) requests.push_back(std::move(request));
    sent_.clear();
    waiting_.clear();
    // Not at once: this may be called from the watch of the lost connection. But soon, mail or not:
    // a parser that is told to go stays for the clients that it has.
    send_again_.start(kAfterLoss);
    client_.give_back(*this, std::move(requests));
  }

  MimeClient& client_;
  event_base* base_;
  std::string path_;
  UniqueFd fd_;
  std::optional<ReadWatch> readable_;
  Timer overdue_, send_again_;
  std::deque<RequestPtr> sent_, waiting_;
  std::array<char, mime::kInlineLimit> buffer_;
};

MimeClient::MimeClient(event_base* base, const std::string& runtime_dir, std::uint64_t count,
                       std::uint64_t first, milliseconds time_limit)
    : time_limit_(time_limit) {
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, kMostLanes); ++i) {
    lanes_.push_back(
        std::make_unique<Lane>(*this, base, mime_socket_path(runtime_dir, (first + i) % count)));
  }
}

MimeClient::~MimeClient() = default;

void MimeClient::parse(std::string_view raw, Done done) {
  dispatch(std::make_unique<Request>(
      Request{raw, std::move(done), monotonic_now() + 4 * (time_limit_ + kGrace)}));
}

void MimeClient::dispatch(RequestPtr request) {
  const auto lane = std::ranges::min_element(
      lanes_, {}, [](const std::unique_ptr<Lane>& candidate) { return candidate->load(); });
  (*lane)->take(std::move(request));
}

void MimeClient::give_back(Lane& from, std::vector<RequestPtr> requests) {
  // Another parser where there is one: the lost one has to be started first.
  const auto other = std::ranges::find_if(
      lanes_, [&](const std::unique_ptr<Lane>& candidate) { return candidate.get() != &from; });
  Lane& next = other != lanes_.end() ? **other : from;
  for (RequestPtr& request : requests) {
    if (std::exchange(request->in_hand, false)) ++request->tries;
    if (request->tries >= kTries || request->deadline <= monotonic_now()) {
      request->done({});
    } else {
      next.take(std::move(request));
    }
  }
}

}  // namespace restante::smtpd
