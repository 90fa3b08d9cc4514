// SPDX-License-Identifier: ISC
// One client: its stream, its session and its time limit.
#include "smtpd/connection.h"

#include <exception>
#include <utility>
#include <variant>

#include "shared/log.h"
#include "smtpd/trace.h"

namespace restante::smtpd {

Connection::Connection(Services& services, UniqueFd socket, ClientAddress client, std::string id,
                       std::function<void(Connection&)> gone)
    : services_(services),
      stream_(std::move(socket)),
      client_(std::move(client)),
      id_(std::move(id)),
      gone_(std::move(gone)),
      session_(services.session),
      event_(event_new(services.base, -1, 0, nullptr, nullptr)),
      since_(monotonic_now()) {}

void Connection::start() {
  log::debug("client_connected", {{"sid", id_}, {"ip", client_.text}});
  run_session();
}

void Connection::drain() {
  draining_ = true;
  if (phase_ == Phase::kHandshaking) return close("shutdown");
  if (phase_ == Phase::kTalking && session_.at_rest()) cut(Reply::kShuttingDown);
}

void Connection::cut(Reply reply) {
  if (phase_ == Phase::kClosing || phase_ == Phase::kGone) return;
  if (phase_ == Phase::kHandshaking) return close(reply_row(reply).name);
  session_.end(reply);
  phase_ = Phase::kTalking;
  run_session();
}

void Connection::on_socket(int, short what, void* self) noexcept {
  // What is called below may let go of the connection.
  const std::shared_ptr<Connection> connection = static_cast<Connection*>(self)->shared_from_this();
  try {
    connection->on_event(what);
  } catch (const std::exception& error) {  // out of memory: this client pays, the others go on
    log::error("client_failed", {{"sid", connection->id_}, {"reason", error.what()}});
    connection->close("internal error");
  }
}

void Connection::on_event(short what) {
  if ((what & EV_TIMEOUT) != 0) {
    if (phase_ == Phase::kWaiting) return;  // it waits for us, and a delivery has its own limits
    if (phase_ == Phase::kTalking && output_.empty()) return cut(Reply::kIdleTimeout);
    return close("timeout");
  }
  switch (phase_) {
    case Phase::kHandshaking:
      return continue_handshake();
    case Phase::kWaiting:
      return watch(0);  // it speaks out of turn, or has left: later
    case Phase::kTalking:
    case Phase::kClosing:
      break;
    case Phase::kGone:
      return;
  }
  if (!output_.empty()) {
    flush();
    if (phase_ == Phase::kTalking && output_.empty()) run_session();
    return;
  }
  if (phase_ == Phase::kTalking) read_some();
}

void Connection::read_some() {
  do {
    const IoResult got = stream_.read(services_.buffer);
    if (got.status == IoStatus::kClosed) return close(stream_.fault());
    if (got.status == IoStatus::kWantsWrite) return watch(EV_WRITE);
    if (got.status == IoStatus::kWantsRead) return watch(EV_READ);
    session_.receive({services_.buffer.data(), got.bytes});
    run_session();
    count_held();
  } while (phase_ == Phase::kTalking && output_.empty() && stream_.has_pending());
}

void Connection::continue_handshake() {
  switch (stream_.handshake()) {
    case IoStatus::kWantsRead:
      return watch(EV_READ);
    case IoStatus::kWantsWrite:
      return watch(EV_WRITE);
    case IoStatus::kClosed:
      log::info("tls_failed", {{"sid", id_}, {"ip", client_.text}, {"reason", stream_.fault()}});
      return close("tls failed");
    case IoStatus::kDone:
      break;
  }
  phase_ = Phase::kTalking;
  session_.tls_started(stream_.tls_info());
  run_session();
  if (phase_ == Phase::kTalking && stream_.has_pending()) read_some();
}

void Connection::run_session() {
  for (bool more = true; more;) {
    Action action = session_.next_action();
    // A client that does not take its replies gets no more of them until it does.
    output_ += session_.take_output();
    if (std::holds_alternative<Idle>(action) || std::holds_alternative<StartTls>(action) ||
        std::holds_alternative<Deliver>(action) || std::holds_alternative<Close>(action)) {
      flush();
      if (phase_ == Phase::kGone) return;
    }
    more = std::visit([this](auto& what) { return act(what); }, action);
  }
}

bool Connection::act(Idle) {
  if (draining_ && session_.at_rest()) {
    session_.end(Reply::kShuttingDown);
    return true;
  }
  watch(output_.empty() ? EV_READ : EV_WRITE);
  return false;
}

bool Connection::act(StartTls) {
  // The go-ahead is one short line; a client that has no room for it has other plans.
  if (!output_.empty() || !stream_.start_tls(services_.tls)) {
    close("no room for TLS");
    return false;
  }
  phase_ = Phase::kHandshaking;
  watch(EV_READ);
  return false;
}

bool Connection::act(AdmitSender) {
  if (!services_.store.available()) {
    session_.answer(Reply::kStoreAway);
  } else if (services_.bytes_arriving + services_.delivery.bytes_held() >
             services_.config.data_memory_limit) {
    session_.answer(Reply::kBusy);
  } else {
    session_.answer(Reply::kOk);
  }
  return true;
}

bool Connection::act(const AdmitMessage& question) {
  const Address& sender = question.envelope.reverse_path;
  // The null sender is everybody's: it is counted by client.
  const std::string subject =
      sender.is_null() ? "client " + client_.rate_key : recipient_name(sender, MailboxCase::kFold);
  const auto limit = static_cast<std::uint32_t>(services_.config.smtp_rate_limit);
  const RateVerdict verdict = services_.sender_rates.take(subject, limit, monotonic_now());
  if (verdict.admitted) {
    session_.answer(Reply::kOk);
    return true;
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(verdict.reset_in).count();
  log::info("mail_refused", {{"sid", id_},
                             {"reason", "rate limit"},
                             {"from", sender.text()},
                             {"ip", client_.text},
                             {"seconds", seconds}});
  session_.answer(Reply::kRateLimited, std::to_string(seconds));
  return true;
}

bool Connection::act(Deliver& mail) {
  phase_ = Phase::kWaiting;
  std::string trace = trace_header({.envelope = mail.envelope,
                                    .client_address = client_.text,
                                    .hostname = services_.config.hostname,
                                    .id = id_,
                                    .tls = stream_.tls_info(),
                                    .time = std::chrono::system_clock::now()});
  services_.delivery.start(
      std::move(mail), std::move(trace),
      [self = shared_from_this(), since = monotonic_now()](const DeliveryReport& report) {
        self->log_delivery(report, monotonic_now() - since);
        self->delivered(report.reply);
      });
  return false;
}

void Connection::log_delivery(const DeliveryReport& report, std::chrono::milliseconds took) const {
  for (const DeliveryReport::Stored& mail : report.stored) {
    log::info("mail_stored", {{"sid", id_},
                              {"from", report.from},
                              {"to", mail.to},
                              {"id", mail.id},
                              {"bytes", report.bytes},
                              {"parse_error", report.parse_error},
                              {"ms", took.count()}});
  }
  if (report.reply == Reply::kOk) return;
  log::info("mail_deferred", {{"sid", id_},
                              {"from", report.from},
                              {"reply", reply_row(report.reply).name},
                              {"reason", report.reason}});
}

void Connection::delivered(Reply reply) {
  if (phase_ != Phase::kWaiting) return;  // the client has left: the mail is kept all the same
  phase_ = Phase::kTalking;
  session_.answer(reply);
  run_session();
  if (phase_ == Phase::kTalking && output_.empty() && stream_.has_pending()) read_some();
}

bool Connection::act(Close) {
  if (output_.empty()) {
    close("");
  } else {
    phase_ = Phase::kClosing;
    watch(EV_WRITE);
  }
  return false;
}

void Connection::flush() {
  while (!output_.empty()) {
    const IoResult put = stream_.write(output_);
    if (put.status == IoStatus::kClosed) return close(stream_.fault());
    if (put.status != IoStatus::kDone) {
      return watch(put.status == IoStatus::kWantsWrite ? EV_WRITE : EV_READ);
    }
    output_.erase(0, put.bytes);
  }
  if (phase_ == Phase::kClosing) close("");
}

// Waits for the socket, with the client's time limit; 0: for nothing but a delivery.
void Connection::watch(short what) {
  if (what != watched_) {
    if (watched_ != 0) event_del(event_.get());
    watched_ = what;
    if (what == 0) return;
    event_assign(event_.get(), services_.base, stream_.fd(), static_cast<short>(what | EV_PERSIST),
                 on_socket, this);
    const timeval limit = to_timeval(services_.config.smtp_timeout);
    event_add(event_.get(), &limit);
  }
}

void Connection::count_held() {
  const std::size_t held = phase_ == Phase::kGone ? 0 : session_.held();
  services_.bytes_arriving += held - counted_as_held_;
  counted_as_held_ = held;
}

void Connection::close(std::string_view why) {
  if (phase_ == Phase::kGone) return;
  const bool delivering = phase_ == Phase::kWaiting;
  phase_ = Phase::kGone;
  count_held();
  if (watched_ != 0) event_del(event_.get());
  watched_ = 0;
  stream_.shut_down();
  const SessionCounts& counts = session_.counts();
  log::info("client_closed", {{"sid", id_},
                              {"ip", client_.text},
                              {"helo", session_.helo()},
                              {"tls", stream_.tls_info().version},
                              {"commands", counts.commands},
                              {"mails", counts.messages},
                              {"rcpts", counts.recipients},
                              {"refused", counts.refused},
                              {"errors", counts.errors},
                              {"reason", why.empty() ? (delivering ? "left early" : "done") : why},
                              {"ms", (monotonic_now() - since_).count()}});
  gone_(*this);
}

}  // namespace restante::smtpd
