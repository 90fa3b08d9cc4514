// SPDX-License-Identifier: ISC
#include "mimed/server.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>

#include "shared/base/clock.h"
#include "shared/log/log.h"
#include "shared/parser/protocol.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kFirstClient = 2;  // in the list that is polled
// smtpd and apid workers connect once each; more than this is a fault of ours.
constexpr std::size_t kClientLimit = 4096;

// Mails of each client, and time, before the kernel is asked who else has something.
constexpr unsigned kRounds = 16;
constexpr std::chrono::milliseconds kRoundsTime{10};

}  // namespace

void CpuLimit::begin(Time now) {
  if (set_at_ && now - *set_at_ < slack_) return;
  set_at_ = now;
  const Time whole = time_ + slack_;
  itimerval limit{};
  limit.it_value.tv_sec = whole.count() / 1000;
  limit.it_value.tv_usec = whole.count() % 1000 * 1000;
  setitimer(ITIMER_PROF, &limit, nullptr);
}

void Server::Client::begin_request(std::chrono::milliseconds now) {
  progress->taken_at.store(now.count(), std::memory_order_relaxed);
  progress->taken.store(++taken, std::memory_order_release);
}

bool Server::Client::has_sent_more() const {
  return !unsent && progress && progress->sent.load(std::memory_order_relaxed) > taken;
}

bool Server::Client::send() {
  if (!send_answer(fd.get(), *unsent)) return errno == EAGAIN;
  unsent.reset();
  progress->answered.store(taken, std::memory_order_release);
  return true;
}

Server::Server(int listener, int life, MimeParser& parser, std::chrono::milliseconds cpu_time)
    : listener_(listener),
      life_(life),
      parser_(parser),
      limit_(cpu_time),
      packet_(parser::kPacketLimit) {}

void Server::run() {
  for (;;) {
    polled_.clear();
    polled_.push_back({draining_ ? -1 : life_, POLLIN, 0});
    polled_.push_back({accepting_ && !draining_ ? listener_ : -1, POLLIN, 0});
    for (const Client& client : clients_) {
      polled_.push_back({client.fd.get(), client.unsent ? short{POLLOUT} : short{POLLIN}, 0});
    }
    if (poll(polled_.data(), polled_.size(), -1) < 0) continue;
    const auto now = monotonic_now();
    limit_.begin(now);
    serve_clients(now);
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
    clients_.push_back({.fd = std::move(fd), .progress = {}, .unsent = {}});
  }
  accepting_ = false;
  log::warning("too_many_clients", {{"clients", clients_.size()}});
}

void Server::serve_clients(std::chrono::milliseconds now) {
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    clients_[i].ready = polled_[kFirstClient + i].revents != 0;
  }
  const auto end = now + kRoundsTime;
  for (unsigned round = 0; round < kRounds; ++round) {
    bool any = false;
    for (Client& client : clients_) {
      if (!client.ready) continue;
      if (!serve(client)) client.fd.reset();
      any = true;
    }
    if (!any || monotonic_now() >= end) break;
    for (Client& client : clients_) client.ready = client.fd && client.has_sent_more();
  }
  if (std::erase_if(clients_, [](const Client& client) { return !client.fd; }) > 0) {
    accepting_ = true;
  }
}

bool Server::serve(Client& client) {
  if (client.unsent) return client.send();
  Mapping mapping;
  Request request;
  const auto received = receive_request(client.fd.get(), packet_, mapping, request);
  if (!received) {
    log::warning("bad_packet", {{"reason", received.error().what}});
    return false;
  }
  if (*received == Received::kNothing) return true;
  if (*received == Received::kClosed) return false;
  const bool is_hello = *received == Received::kHello;
  if (is_hello == static_cast<bool>(client.progress)) {
    log::warning("bad_packet", {{"reason", is_hello ? "a second hello" : "no hello"}});
    return false;
  }
  return is_hello ? greet(client, request.progress.get()) : answer(client, request);
}

bool Server::greet(Client& client, int progress) {
  auto mapped = parser::SharedProgress::map(progress);
  if (!mapped) {
    log::warning("bad_packet", {{"reason", mapped.error().what}});
    return false;
  }
  client.progress = *std::move(mapped);
  return true;
}

bool Server::answer(Client& client, const Request& request) {
  const auto now = monotonic_now();
  limit_.begin(now);
  client.begin_request(now);
  client.unsent =
      request.number == 0 ? parsed(request.raw) : extracted(request.raw, request.number);
  const bool sent = client.unsent && client.send();
  if (!sent) log::warning("answer_not_sent", {{"bytes", request.raw.size()}});
  return sent;
}

std::optional<AnswerPacket> Server::parsed(std::string_view raw) {
  const ParsedMail mail = parser_.parse(raw);
  if (mail.exceeded != Exceeded::kNothing) {
    log::info("mime_bound_exceeded", {{"bound", name_of(mail.exceeded)}, {"bytes", raw.size()}});
  }
  const mail::Fragments made = mail::make_fragments(mail.message);
  return make_packet(
      {.outcome = made.parse_error ? parser::Outcome::kInPart : parser::Outcome::kDone,
       .pieces = {made.summary, made.bodies, made.details}});
}

std::optional<AnswerPacket> Server::extracted(std::string_view raw, std::uint64_t number) {
  const Extraction found = parser_.extract(raw, number);
  if (!found.part) {
    return make_packet({.outcome = parser::Outcome::kNoSuchAttachment, .number = found.count});
  }
  return make_packet({.pieces = {found.part->name, found.part->type, found.part->bytes}});
}

}  // namespace restante::mimed
