// SPDX-License-Identifier: ISC
// Polls the life pipe, the listener and the clients; parses one mail at a time.
#include "mimed/server.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>

#include "mimed/packet.h"
#include "shared/log.h"
#include "shared/mime_protocol.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kFirstClient = 2;  // in the list that is polled
// smtpd and apid workers connect once each; more than this is a fault of ours.
constexpr std::size_t kClientLimit = 4096;

// While it lives, the process has `time` of CPU left: then SIGPROF ends it.
class CpuLimit {
 public:
  explicit CpuLimit(std::chrono::milliseconds time) {
    itimerval limit{};
    limit.it_value.tv_sec = time.count() / 1000;
    limit.it_value.tv_usec = time.count() % 1000 * 1000;
    setitimer(ITIMER_PROF, &limit, nullptr);
  }
  CpuLimit(const CpuLimit&) = delete;
  CpuLimit& operator=(const CpuLimit&) = delete;
  ~CpuLimit() {
    const itimerval off{};
    setitimer(ITIMER_PROF, &off, nullptr);
  }
};

// A Unix socket says that it is writable while three quarters of its buffer are free, which is more
// than the two packets of one request.
bool has_room(int fd) {
  pollfd one{fd, POLLOUT, 0};
  return poll(&one, 1, 0) == 1 && (one.revents & POLLOUT) != 0;
}

}  // namespace

Server::Server(int listener, int life, MimeParser& parser, std::chrono::milliseconds cpu_time)
    : listener_(listener),
      life_(life),
      parser_(parser),
      cpu_time_(cpu_time),
      packet_(mime::kPacketLimit) {}

void Server::run() {
  for (;;) {
    polled_.clear();
    polled_.push_back({draining_ ? -1 : life_, POLLIN, 0});
    polled_.push_back({accepting_ && !draining_ ? listener_ : -1, POLLIN, 0});
    for (const Client& client : clients_) {
      polled_.push_back({client.fd.get(), client.full ? short{POLLOUT} : short{POLLIN}, 0});
    }
    if (poll(polled_.data(), polled_.size(), -1) < 0) continue;
    serve_clients();
    if (polled_[1].revents != 0) accept_clients();
    if (polled_[0].revents != 0) draining_ = true;
    if (draining_ && clients_.empty()) return;
  }
}

void Server::accept_clients() {
  while (clients_.size() < kClientLimit) {
    UniqueFd fd(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      // Without a free descriptor the listener would stay readable: wait until a client leaves.
      if (errno == EMFILE || errno == ENFILE) break;
      return;
    }
    clients_.push_back({std::move(fd)});
  }
  accepting_ = false;
  log::warning("too_many_clients", {{"clients", clients_.size()}});
}

void Server::serve_clients() {
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const short seen = polled_[kFirstClient + i].revents;
    if (seen == 0) continue;
    // One that has gone without reading its answers never has room again.
    const bool is_gone = clients_[i].full && (seen & (POLLHUP | POLLERR)) != 0;
    if (is_gone || !serve(clients_[i])) clients_[i].fd.reset();
  }
  if (std::erase_if(clients_, [](const Client& client) { return !client.fd; }) > 0) {
    accepting_ = true;
  }
}

bool Server::serve(Client& client) {
  client.full = !has_room(client.fd.get());
  if (client.full) return true;
  Mapping mapping;
  Request request;
  const auto received = receive_request(client.fd.get(), packet_, mapping, request);
  if (!received) {
    log::warning("bad_packet", {{"reason", received.error().what}});
    return false;
  }
  if (*received == Received::kNothing) return true;
  return *received == Received::kMail && answer(client.fd.get(), request);
}

bool Server::answer(int fd, const Request& request) {
  if (!send_started(fd)) return false;
  const CpuLimit limit(cpu_time_);
  const bool sent = request.number == 0 ? answer_parsed(fd, request.raw)
                                        : answer_extracted(fd, request.raw, request.number);
  if (!sent) log::warning("answer_not_sent", {{"bytes", request.raw.size()}});
  return sent;
}

bool Server::answer_parsed(int fd, std::string_view raw) {
  const ParsedMail parsed = parser_.parse(raw);
  if (parsed.exceeded != Exceeded::kNothing) {
    log::info("mime_bound_exceeded", {{"bound", name_of(parsed.exceeded)}, {"bytes", raw.size()}});
  }
  const Fragments made = make_fragments(parsed.message);
  return send_answer(fd,
                     {.outcome = made.parse_error ? mime::Outcome::kInPart : mime::Outcome::kDone,
                      .pieces = {made.summary, made.bodies, made.details}});
}

bool Server::answer_extracted(int fd, std::string_view raw, std::uint64_t number) {
  const Extraction found = parser_.extract(raw, number);
  if (!found.part) {
    return send_answer(fd, {.outcome = mime::Outcome::kNoSuchAttachment, .number = found.count});
  }
  return send_answer(fd, {.pieces = {found.part->name, found.part->type, found.part->bytes}});
}

}  // namespace restante::mimed
