// SPDX-License-Identifier: ISC
#include "smtpd/worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <utility>

#include "shared/base/clock.h"
#include "shared/base/program.h"
#include "shared/base/rlimit.h"
#include "shared/base/secrets.h"
#include "shared/log/log.h"
#include "shared/net/accept.h"
#include "shared/redis/tls.h"
#include "shared/worker/sandbox.h"

namespace restante::smtpd {
namespace {

constexpr std::size_t kBufferSize = 64 * 1024;
// Per wake-up: few, so that the workers that woke up with this one get their share.
constexpr int kAcceptsAtOnce = 4;
// Time limits are kept to within this.
constexpr std::chrono::milliseconds kSweepEvery{500};
constexpr std::chrono::milliseconds kListenAgainAfter{100};
// At the connection limit one of so many clients is cut, for those who come, if it was silent for
// so long. Where nobody was, nobody is looked for again for a while.
constexpr std::size_t kShareCut = 32;
constexpr std::chrono::milliseconds kSilence{200};
constexpr std::chrono::milliseconds kLookAgainAfter{100};
constexpr std::string_view kAtLimit = "smtp_connection_limit";

// Any descriptor will do that no file has to be opened for.
UniqueFd open_spare() { return UniqueFd(eventfd(0, EFD_CLOEXEC)); }

bool has_quota(const config::Config& config) {
  return config.mailbox_limit != 0 || config.mailbox_size_limit != 0;
}

bool drops_oldest(const config::Config& config) {
  return config.mailbox_full == config::MailboxFull::kDropOldest;
}

store::Quota quota_of(const config::Config& config) {
  return {.mails = config.mailbox_limit,
          .bytes = config.mailbox_size_limit,
          .drops_oldest = drops_oldest(config)};
}

SessionSettings make_session_settings(const config::Config& config) {
  return {.hostname = config.hostname,
          .domains = config.domain,
          .message_size_limit = config.message_size_limit,
          .recipient_limit = config.recipient_limit,
          .recipient_size_limit = config.recipient_size_limit,
          .error_limit = config.error_limit,
          .mailbox_case = config.mailbox_case,
          .header_limits = {.bytes = config.header_size_limit,
                            .fields = config.header_field_limit,
                            .hops = config.hop_limit},
          .bare_newline = config.smtp_bare_newline,
          .tls_available = true,
          .tls_required = config.smtp_tls == config::SmtpTls::kRequired,
          .asks_recipients = has_quota(config) && !drops_oldest(config)};
}

// How many connections there can be.
std::size_t capacity(std::uint64_t connection_limit) {
  return std::min(connection_limit, descriptor_limit());
}

// A last word to a client that gets no connection.
void send_and_close(UniqueFd socket, Reply reply) {
  const std::string line = format_reply(reply);
  [[maybe_unused]] const ssize_t sent =
      send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::make(worker::Context context) {
  auto tls = TlsContext::make(context.tls_pairs);
  if (!tls) return std::unexpected(tls.error());
  for (worker::TlsPair& pair : context.tls_pairs) wipe(pair.key);
  if (context.ticket_keys) {
    auto keys = memory::TicketKeys::map(context.ticket_keys.get());
    if (!keys) return std::unexpected(keys.error());
    tls->share_tickets(std::move(*keys));
  }
  auto segment = memory::Segment::map(context.segment.get(), context.segment_head.get());
  if (!segment) return std::unexpected(segment.error());
  auto redis = redis::address_of(context.config);
  if (!redis) return std::unexpected(redis.error());
  std::unique_ptr<Worker> worker(
      new Worker(std::move(context), std::move(*tls), std::move(*segment), std::move(*redis)));
  auto entered = worker::enter_sandbox(Program::kSmtpd, worker->context_.config);
  if (!entered) return std::unexpected(entered.error());
  return worker;
}

Worker::Worker(worker::Context context, TlsContext tls, memory::Segment segment,
               config::RedisAddress redis)
    : context_(std::move(context)),
      tls_(std::move(tls)),
      segment_(std::move(segment)),
      session_settings_(make_session_settings(context_.config)),
      admission_(segment_.smtp_rates(),
                 ClientBudget(segment_.client_minutes(), segment_.client_hours(),
                              segment_.client_shares(context_.config.retention), context_.config),
                 context_.config),
      counters_(segment_.scoreboard().counters(context_.board_slot)),
      heartbeat_(loop_.base(), counters_),
      redis_(loop_.base(), std::move(redis), context_.config.redis_timeout, segment_.redis_outage(),
             counters_),
      durability_(loop_.base(), redis_, segment_.redis_outage(),
                  context_.config.redis_strict == config::RedisStrict::kYes),
      writer_(redis_, context_.config.retention, quota_of(context_.config)),
      mime_(loop_.base(), context_.parser_sockets(), context_.number, context_.config.mime_timeout,
            counters_),
      delivery_(mime_, writer_, durability_, context_.config.mailbox_naming()),
      log_(segment_.client_minutes(), context_.config),
      buffer_(kBufferSize),
      services_{
          loop_.base(),
          context_.config,
          session_settings_,
          tls_,
          durability_,
          writer_,
          delivery_,
          admission_,
          log_,
          counters_,
          buffer_,
          [this] { relieve(); },
          [this](std::string_view client) { return has_share(client); },
      },
      balancers_(net::parse_ranges(context_.config.proxy_allow)),
      spare_(open_spare()),
      half_drained_(loop_.base(), [this] { drain(context_.config.drain_timeout / 2); }),
      drain_limit_(loop_.base(), [this] { loop_.stop(); }),
      drain_poll_(loop_.base(), [this] { stop_when_empty(); }),
      sweep_(loop_.base(), [this] { sweep(); }),
      listen_again_(loop_.base(), [this] { watch_listeners(); }) {}

void Worker::run() {
  durability_.when_settled([this] { begin(); });
  loop_.run(
      context_.life.get(), [this] { drain(context_.config.drain_timeout); },
      [this] { hand_over(); });
}

// Until Redis is there the other workers serve the clients.
void Worker::begin() {
  if (leaving_) return;
  watch_listeners();
  context_.announce_ready();
}

void Worker::watch_listeners() {
  listeners_.clear();
  for (const worker::NamedFd& listener : context_.listeners) {
    const int on = 1;  // replies are whole when they are sent; clients' sockets have it from here
    setsockopt(listener.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    listeners_.push_back(std::make_unique<net::ReadWatch>(
        loop_.base(), listener.fd.get(), [this, &listener] { accept_some(listener); }));
  }
}

void Worker::accept_some(const worker::NamedFd& listener) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    net::Accepted client = net::accept_client(listener.fd.get());
    if (!client.socket) {
      // EAGAIN: another worker was quicker. The rest are faults of one client's connection.
      if (net::out_of_descriptors(errno) && !refuse_for_want_of_descriptors(listener.fd.get())) {
        pause_listening();
      }
      return;
    }
    arrive(listener, std::move(client.socket), client.address());
  }
}

// Without it the listener would stay readable and the loop would spin. False: it still would.
bool Worker::refuse_for_want_of_descriptors(int listener) {
  spare_.reset();
  net::Accepted client = net::accept_client(listener);
  const bool helped = client.socket || !net::out_of_descriptors(errno);
  if (client.socket) {
    const net::ClientAddress address = net::describe_client(client.address());
    counters_.add(memory::Count::kSmtpTurnedAway);
    log_.info(address, "client_refused", {{"ip", address.text}, {"reason", "out of descriptors"}});
    send_and_close(std::move(client.socket), Reply::kTooManyConnections);
  }
  spare_ = open_spare();
  return helped;
}

// The limit was lowered below the spare one, or the whole system has none left.
void Worker::pause_listening() {
  for (const auto& listener : listeners_) listener->stop();
  listen_again_.start(kListenAgainAfter);
}

void Worker::arrive(const worker::NamedFd& listener, UniqueFd socket, const sockaddr* address) {
  Peer peer{.address = net::describe_client(address),
            .is_balancer = listener.name == worker::fd_name::kSmtpProxy};
  if (peer.is_balancer && !net::is_in(balancers_, address)) {
    counters_.add(memory::Count::kSmtpTurnedAway);
    return log_.info(peer.address, "client_refused",
                     {{"ip", peer.address.text}, {"reason", "not in proxy_allow"}});
  }
  welcome(std::move(socket), std::move(peer));
}

void Worker::welcome(UniqueFd socket, Peer peer) {
  if (connections_.size() >= context_.config.smtp_connection_limit && !make_room()) {
    counters_.add(memory::Count::kSmtpTurnedAway);
    log_.info(peer.address, "client_refused", {{"ip", peer.address.text}, {"reason", kAtLimit}});
    return send_and_close(std::move(socket), Reply::kTooManyConnections);
  }
  std::string id = fmt::format("{:x}.{:x}", pid_, ++last_id_);
  const auto connection =
      std::make_shared<Connection>(services_, std::move(socket), std::move(peer), std::move(id),
                                   [this](Connection& gone) { connection_gone(gone); });
  connections_.emplace(connection.get(), connection);
  counters_.add(memory::Count::kSmtpAccepted);
  counters_.add(memory::Count::kSmtpOpen);
  if (!sweep_.running()) sweep_.start(kSweepEvery);
  connection->start();
  if (draining_) connection->drain();
}

void Worker::connection_gone(Connection& connection) {
  connections_.erase(&connection);
  counters_.remove(memory::Count::kSmtpOpen);
  if (leaving_) stop_when_empty();
}

// Of those who were silent for a while they go whose client holds most connections, and of its
// connections those that were silent longest: a client with mail is not silent for long.
bool Worker::make_room() {
  const auto now = monotonic_now();
  if (now < look_for_room_) return false;
  using Rank = std::pair<std::uint64_t, std::chrono::milliseconds>;
  std::vector<std::pair<Rank, std::shared_ptr<Connection>>> silent;
  for (const auto& [key, connection] : connections_) {
    const auto silence = connection->silence(now);
    if (silence >= kSilence)
      silent.emplace_back(Rank{connection->held_by_client(), silence}, connection);
  }
  if (silent.empty()) {
    look_for_room_ = now + kLookAgainAfter;
    return false;
  }
  const auto count = std::min(silent.size(), connections_.size() / kShareCut + 1);
  const auto last = silent.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::nth_element(silent, last, std::greater{}, [](const auto& one) { return one.first; });
  for (auto one = silent.begin(); one != last; ++one)
    one->second->expire(kAtLimit, Reply::kTooManyConnections);
  return true;
}

std::map<std::string_view, std::size_t> Worker::held_by_client() const {
  std::map<std::string_view, std::size_t> held;
  for (const auto& [key, connection] : connections_) {
    if (connection->holds() > 0) held[connection->client().rate_key] += connection->holds();
  }
  return held;
}

// Of the client who holds most, the largest message that is arriving is given up, so that others
// still come through while it fills the memory. What is being stored cannot be given up, and a
// client below its share does not pay for it. The only message there is goes on, whatever its size.
void Worker::relieve() {
  const auto held = held_by_client();
  const std::size_t share = share_of(held.size());
  std::shared_ptr<Connection> greediest;
  const auto rank = [&held](const Connection& connection) {
    return std::pair(held.at(connection.client().rate_key), connection.arriving());
  };
  for (const auto& [key, connection] : connections_) {
    if (connection->arriving() == 0 || rank(*connection).first < share) continue;
    if (!greediest || rank(*connection) > rank(*greediest)) greediest = connection;
  }
  if (!greediest || greediest->arriving() == services_.bytes_held()) return;
  greediest->expire("data_memory_limit", Reply::kBusy);
}

// A client that holds nothing has its share.
bool Worker::has_share(std::string_view client) const {
  const auto held = held_by_client();
  const auto own = held.find(client);
  if (own == held.end()) return true;
  return own->second < share_of(held.size());
}

std::size_t Worker::share_of(std::size_t clients) const {
  return context_.config.data_memory_limit / (clients + 1);
}

// One timer for all: a timer for each would be set anew with every read.
void Worker::sweep() noexcept {
  const auto now = monotonic_now();
  const Occupancy occupancy{connections_.size(), capacity(context_.config.smtp_connection_limit)};
  try {
    std::vector<std::pair<std::shared_ptr<Connection>, std::string_view>> late;
    for (const auto& [key, connection] : connections_) {
      const std::string_view why = connection->overdue(now, occupancy);
      if (!why.empty()) late.emplace_back(connection, why);
    }
    for (const auto& [connection, why] : late) connection->expire(why);
  } catch (const std::bad_alloc&) {  // the next sweep finds them again
  }
  if (!connections_.empty()) sweep_.start(kSweepEvery);
}

void Worker::stop_listening() {
  leaving_ = true;
  durability_.stop();
  listen_again_.stop();
  listeners_.clear();
  context_.listeners.clear();
}

// A new generation serves: nobody need be cut off, in whatever state. Who does not end by himself
// is told to half-way, so that the second half is there for mail that is under way then.
void Worker::hand_over() {
  stop_listening();
  half_drained_.start(context_.config.drain_timeout / 2);
  stop_when_empty();
}

void Worker::drain(std::chrono::milliseconds limit) {
  if (draining_) return;
  draining_ = true;
  stop_listening();
  half_drained_.stop();
  drain_limit_.start(limit);
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->drain();
  stop_when_empty();
}

void Worker::stop_when_empty() {
  if (!connections_.empty()) return;
  if (delivery_.under_way() == 0) return loop_.stop();
  drain_poll_.start(std::chrono::milliseconds(10));  // a delivery whose client has left
}

}  // namespace restante::smtpd
