// SPDX-License-Identifier: ISC
#include "smtpd/connection.h"

#include <exception>
#include <utility>
#include <variant>

#include "shared/base/clock.h"
#include "shared/log/log.h"
#include "smtpd/protocol/proxy_header.h"
#include "smtpd/trace.h"

namespace restante::smtpd {

namespace {

std::string seconds_text(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count());
}

}  // namespace

Connection::Connection(Services& services, UniqueFd socket, Peer peer, std::string id,
                       std::function<void(Connection&)> gone)
    : services_(services),
      stream_(std::move(socket)),
      client_(std::move(peer.address)),
      id_(std::move(id)),
      gone_(std::move(gone)),
      session_(services.session),
      event_(event_new(services.base, -1, 0, nullptr, nullptr)),
      is_proxied_(peer.is_balancer),
      since_(monotonic_now()) {}

void Connection::start() {
  catching([this] {
    if (!is_proxied_) return begin({});
    phase_ = Phase::kIntroducing;
    watch(EV_READ);
  });
}

void Connection::read_proxy_header() {
  const IoResult got = stream_.read(services_.buffer);
  if (got.status == IoStatus::kClosed) return close(stream_.fault());
  if (got.status != IoStatus::kDone) return;
  header_.append(services_.buffer.data(), got.bytes);
  ProxyHeader header = parse_proxy_header(header_);
  if (header.status == ProxyHeader::Status::kMore) return;
  if (header.status == ProxyHeader::Status::kBad) return close("bad PROXY header");
  if (header.client) client_ = std::move(*header.client);
  phase_ = Phase::kTalking;
  const std::string read = std::exchange(header_, {});
  begin(std::string_view(read).substr(header.size));
}

// The client is known now. `early` is what has been read of it already.
void Connection::begin(std::string_view early) {
  log::debug("client_connected", {{"sid", id_}, {"ip", client_.text}});
  if (const auto refusal = services_.admission.connect(client_, client_slot_)) {
    reason_ = refusal->reason;
    services_.counters.add(memory::Count::kSmtpTurnedAway);
    session_.end(refusal->reply, client_.text);
    return run_session();
  }
  if (early.empty()) {
    // Whoever has left already is found out when it is greeted.
    const IoResult got = stream_.read(services_.buffer);
    if (got.status == IoStatus::kDone) early = {services_.buffer.data(), got.bytes};
  }
  if (!early.empty()) reason_ = "talk before the greeting";
  session_.receive(early);
  run_session();
}

void Connection::drain() {
  draining_ = true;
  const bool before_mail = phase_ == Phase::kIntroducing || phase_ == Phase::kHandshaking;
  if (before_mail || (phase_ == Phase::kTalking && session_.at_rest())) cut(Reply::kShuttingDown);
}

void Connection::cut(Reply reply) {
  if (phase_ == Phase::kClosing || phase_ == Phase::kGone) return;
  if (reason_.empty()) reason_ = reply_row(reply).name;
  if (phase_ == Phase::kHandshaking) return close("");
  session_.end(reply);
  phase_ = Phase::kTalking;
  run_session();
}

std::string_view Connection::overdue(std::chrono::milliseconds now, Occupancy occupancy) {
  return wait_limit_.overdue(now, occupancy,
                             {.timeout = services_.config.smtp_timeout,
                              .minimum_rate = services_.config.smtp_minimum_rate});
}

void Connection::expire(std::string_view why, Reply reply) noexcept {
  catching([this, why, reply] {
    if (phase_ == Phase::kTalking && output_.empty()) {
      reason_ = why;
      cut(reply);
    }
    close(why);  // the reply is not waited for: this client has had its time
  });
}

template <class Work>
// NOLINTNEXTLINE(bugprone-exception-escape): without memory for a line of the log it ends here
void Connection::catching(Work work) noexcept {
  // What is called below may let go of the connection.
  const std::shared_ptr<Connection> self = shared_from_this();
  try {
    work();
  } catch (const std::exception& error) {  // out of memory: this client pays, the others go on
    log::error("client_failed", {{"sid", id_}, {"reason", error.what()}});
    close("internal error");
  }
}

void Connection::on_socket(int, short, void* self) noexcept {
  auto* connection = static_cast<Connection*>(self);
  connection->catching([connection] { connection->on_event(); });
}

void Connection::on_event() {
  switch (phase_) {
    case Phase::kIntroducing:
      return read_proxy_header();
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
    const std::uint32_t commands = session_.counts().commands;
    session_.receive({services_.buffer.data(), got.bytes});
    run_session();
    count_held();
    const auto now = monotonic_now();
    wait_limit_.wait_for(waits_for(), now);
    if (session_.receiving()) wait_limit_.received(got.bytes, now);
    if (session_.counts().commands != commands) wait_limit_.satisfied(now);
    if (services_.bytes_held() > services_.config.data_memory_limit) services_.relieve();
  } while (phase_ == Phase::kTalking && output_.empty() && stream_.has_pending());
}

void Connection::continue_handshake() {
  switch (stream_.handshake()) {
    case IoStatus::kWantsRead:
      return watch(EV_READ);
    case IoStatus::kWantsWrite:
      return watch(EV_WRITE);
    case IoStatus::kClosed:
      services_.log.info(client_, "tls_failed",
                         {{"sid", id_}, {"ip", client_.text}, {"reason", stream_.fault()}});
      return close("tls failed");
    case IoStatus::kDone:
      break;
  }
  services_.counters.add(memory::Count::kTlsDone);
  phase_ = Phase::kTalking;
  session_.tls_started(stream_.tls_info());
  run_session();
  if (phase_ == Phase::kTalking && stream_.has_pending()) read_some();
}

void Connection::run_session() {
  for (bool more = true; more;) {
    Action action = session_.next_action();
    // A client that does not take its replies gets no more of them until it does.
    output_ += session_.extract_output();
    count_refusals();
    log_refusals();
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
    reason_ = reply_row(Reply::kShuttingDown).name;
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
  const StoreState store = services_.durability.state();
  if (store != StoreState::kReady) {
    session_.answer(store == StoreState::kAway   ? Reply::kStoreAway
                    : store == StoreState::kFull ? Reply::kStoreFull
                                                 : Reply::kStoreUnsafe);
  } else if (services_.bytes_held() >= services_.config.data_memory_limit &&
             !services_.has_share(client_.rate_key)) {
    session_.answer(Reply::kBusy);
  } else {
    session_.answer(Reply::kOk);
  }
  return true;
}

bool Connection::act(const AdmitRecipient& question) {
  struct Asked {
    std::optional<Reply> reply;  // that came before check_room() returned
    bool has_returned = false;
  };
  const auto asked = std::make_shared<Asked>();
  phase_ = Phase::kWaiting;
  wait_limit_.wait_for(waits_for(), monotonic_now());
  const mail::MailboxNaming naming = services_.config.mailbox_naming();
  services_.writer.check_room(
      mail::mailbox_key(mail::mailbox_name(question.recipient, naming)),
      [self = shared_from_this(), asked](Result<bool> has_room) {
        asked->reply = !has_room ? Reply::kStoreAway : *has_room ? Reply::kOk : Reply::kMailboxFull;
        if (asked->has_returned) self->go_on(*asked->reply);
      });
  asked->has_returned = true;
  if (!asked->reply) return false;
  phase_ = Phase::kTalking;
  session_.answer(*asked->reply);
  return true;
}

// Counts nothing: act(Deliver) counts the message when it has come as a whole.
bool Connection::act(const AdmitMessage& question) {
  const auto refusal = services_.admission.begin(client_, question.envelope.reverse_path,
                                                 services_.durability.memory_limit());
  if (refusal) {
    session_.answer(refusal->reply, seconds_text(refusal->wait));
  } else {
    session_.answer(Reply::kOk);
  }
  return true;
}

bool Connection::act(Deliver& mail) {
  if (const auto refusal = services_.admission.end(client_, mail)) {
    log_deferral(mail.envelope.reverse_path.text(), refusal->reply, refusal->reason);
    session_.answer(refusal->reply, seconds_text(refusal->wait));
    return true;
  }
  phase_ = Phase::kWaiting;
  delivering_ = mail.data.size();
  wait_limit_.wait_for(waits_for(), monotonic_now());
  const Arrival arrival{.envelope = mail.envelope,
                        .client_address = client_.text,
                        .hostname = services_.config.hostname,
                        .id = id_,
                        .tls = stream_.tls_info(),
                        .time = std::chrono::system_clock::now()};
  std::string trace = trace_header(arrival);
  mail::Transport transport = transport_of(arrival);
  services_.delivery.start(
      client_.rate_key, std::move(mail), std::move(trace), std::move(transport),
      [self = shared_from_this(), since = precise_now()](const DeliveryReport& report) {
        self->note_delivery(report, precise_now() - since);
        self->go_on(report.reply);
      });
  return false;
}

void Connection::count_refusals() {
  const RefusalCounts fresh = session_.extract_refusal_counts();
  services_.counters.add(memory::Count::kRefusedForNow, fresh.for_now);
  services_.counters.add(memory::Count::kRefusedForGood, fresh.for_good);
  services_.counters.add(memory::Count::kMailsDeferred, fresh.deferred);
  services_.counters.add(memory::Count::kSmtpRateLimited, fresh.rate_limited);
}

void Connection::log_refusals() {
  for (const Refusal& refusal : session_.extract_refusals()) {
    services_.log.info(client_, "mail_refused",
                       {{"sid", id_},
                        {"ip", client_.text},
                        {"from", refusal.from},
                        {"command", refusal.command},
                        {"reply", reply_row(refusal.reply).name},
                        {"told", refusal.told}});
  }
}

void Connection::note_delivery(const DeliveryReport& report, std::chrono::microseconds took) const {
  if (report.reply == Reply::kOk) {
    services_.counters.add(memory::Count::kMailsStored);
    services_.counters.add(memory::Count::kMailRecipients, report.stored.size());
    services_.counters.add(memory::Count::kMailBytes, report.bytes);
    services_.counters.observe(memory::Latency::kDelivery, took);
  }
  if (report.bytes_in_store > 0)
    services_.admission.stored(client_, report.bytes_in_store, services_.durability.memory_limit());
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  for (const DeliveryReport::Stored& mail : report.stored) {
    services_.log.info(client_, "mail_stored",
                       {{"sid", id_},
                        {"ip", client_.text},
                        {"from", report.from},
                        {"to", mail.to},
                        {"id", mail.id},
                        {"bytes", report.bytes},
                        {"parse_error", report.parse_error},
                        {"bare_newlines", report.bare_newlines},
                        {"ms", ms}});
  }
  if (report.reply != Reply::kOk) log_deferral(report.from, report.reply, report.reason);
}

void Connection::log_deferral(std::string_view from, Reply reply, std::string_view reason) const {
  services_.log.info(client_, "mail_deferred",
                     {{"sid", id_},
                      {"ip", client_.text},
                      {"from", from},
                      {"reply", reply_row(reply).name},
                      {"reason", reason}});
}

// The store has answered.
void Connection::go_on(Reply reply) {
  delivering_ = 0;
  if (phase_ != Phase::kWaiting) return;  // the client has left: a mail is kept all the same
  phase_ = Phase::kTalking;
  session_.answer(reply);
  run_session();
  if (phase_ == Phase::kTalking && output_.empty() && stream_.has_pending()) read_some();
}

bool Connection::act(Close) {
  const auto last = session_.ended_with();
  if (last && *last != Reply::kBye && reason_.empty()) reason_ = reply_row(*last).name;
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

// Waits for the socket; 0: for nothing but a delivery. The worker's sweep sees to the time.
void Connection::watch(short what) {
  wait_limit_.wait_for(waits_for(), monotonic_now());
  if (what == watched_) return;
  if (watched_ != 0) event_del(event_.get());
  watched_ = what;
  if (what == 0) return;
  event_assign(event_.get(), services_.base, stream_.fd(), static_cast<short>(what | EV_PERSIST),
               on_socket, this);
  event_add(event_.get(), nullptr);
}

Wait Connection::waits_for() const {
  switch (phase_) {
    case Phase::kIntroducing:
      return Wait::kProxyHeader;
    case Phase::kHandshaking:
      return Wait::kHandshake;
    case Phase::kWaiting:
    case Phase::kGone:
      return Wait::kNothing;
    case Phase::kTalking:
    case Phase::kClosing:
      break;
  }
  if (!output_.empty()) return Wait::kReplies;
  return session_.receiving() ? Wait::kData : Wait::kCommand;
}

void Connection::count_held() {
  const std::size_t held = phase_ == Phase::kGone ? 0 : session_.held() + session_.envelope_held();
  services_.bytes_arriving += held - counted_as_held_;
  counted_as_held_ = held;
}

void Connection::close(std::string_view why) {
  if (phase_ == Phase::kGone) return;
  if (why.empty()) why = reason_;
  if (why.empty()) why = phase_ == Phase::kWaiting ? "left early" : "done";
  if (phase_ == Phase::kHandshaking) services_.counters.add(memory::Count::kTlsFailed);
  phase_ = Phase::kGone;
  count_held();
  if (std::exchange(watched_, 0) != 0) event_del(event_.get());
  client_slot_.reset();
  stream_.shut_down();
  const SessionCounts& counts = session_.counts();
  services_.log.info(client_, "client_closed",
                     {{"sid", id_},
                      {"ip", client_.text},
                      {"helo", session_.helo()},
                      {"tls", stream_.tls_info().version},
                      {"commands", counts.commands},
                      {"mails", counts.messages},
                      {"rcpts", counts.recipients},
                      {"refused", counts.refused},
                      {"errors", counts.errors},
                      {"reason", why},
                      {"ms", (monotonic_now() - since_).count()}});
  gone_(*this);
}

}  // namespace restante::smtpd
