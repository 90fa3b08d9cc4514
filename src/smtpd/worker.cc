// SPDX-License-Identifier: ISC
// One SMTP worker: accepts clients, holds their connections, and empties itself when told to go.
#include "smtpd/worker.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "shared/log.h"

namespace restante::smtpd {
namespace {

constexpr std::size_t kBufferSize = 64 * 1024;
// Per wake-up: few, so that the workers that woke up with this one get their share.
constexpr int kAcceptsAtOnce = 4;

UniqueFd open_spare() { return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

SessionSettings make_session_settings(const Config& config) {
  return {.hostname = config.hostname,
          .domains = config.domain,
          .message_size_limit = config.message_size_limit,
          .recipient_limit = config.recipient_limit,
          .error_limit = config.error_limit,
          .mailbox_case = config.mailbox_case,
          .header_limits = {.bytes = config.header_size_limit,
                            .fields = config.header_field_limit,
                            .hops = config.hop_limit},
          .bare_newlines_refused = config.smtp_bare_newline == BareNewline::kReject,
          .tls_available = true,
          .tls_required = config.smtp_tls == SmtpTls::kRequired};
}

// A last word to a client that gets no connection.
void send_and_close(UniqueFd socket, Reply reply) {
  const std::string line = format_reply(reply);
  [[maybe_unused]] const ssize_t sent =
      send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::make(WorkerContext context, std::uint64_t number) {
  auto tls = TlsContext::make(context.tls_certificate, context.tls_key);
  if (!tls) return std::unexpected(tls.error());
  if (context.ticket_keys) {
    auto keys = TicketKeys::map(context.ticket_keys.get(), /*writable=*/false);
    if (!keys) return std::unexpected(keys.error());
    tls->share_tickets(std::move(*keys));
  }
  auto segment = Segment::map(context.segment.get());
  if (!segment) return std::unexpected(segment.error());
  auto redis = parse_redis_address(context.config.redis);
  if (!redis) return std::unexpected(redis.error());
  return std::unique_ptr<Worker>(new Worker(std::move(context), std::move(*tls),
                                            std::move(*segment), std::move(*redis), number));
}

Worker::Worker(WorkerContext context, TlsContext tls, Segment segment, RedisAddress redis,
               std::uint64_t number)
    : context_(std::move(context)),
      tls_(std::move(tls)),
      segment_(std::move(segment)),
      session_settings_(make_session_settings(context_.config)),
      redis_(loop_.base(), std::move(redis), context_.config.redis_timeout,
             segment_.redis_outage()),
      store_(redis_, context_.config.retention),
      mime_(loop_.base(), context_.config.runtime_dir, context_.config.mimed_workers, number,
            context_.config.mime_timeout),
      delivery_(mime_, store_, context_.config.mailbox_naming()),
      buffer_(kBufferSize),
      services_{loop_.base(),          context_.config, session_settings_, tls_,
                segment_.smtp_rates(), store_,          delivery_,         buffer_},
      spare_(open_spare()),
      drain_limit_(loop_.base(), [this] { loop_.stop(); }),
      drain_poll_(loop_.base(), [this] { stop_when_empty(); }) {}

void Worker::run() {
  redis_.when_settled([this] { begin(); });
  loop_.run(context_.life.get(), [this] { drain(); });
}

// Until Redis is there the other workers serve the clients.
void Worker::begin() {
  if (draining_) return;
  for (const NamedFd& listener : context_.listeners) {
    const int fd = listener.fd.get();
    listeners_.push_back(
        std::make_unique<ReadWatch>(loop_.base(), fd, [this, fd] { accept_some(fd); }));
  }
  context_.announce_ready();
}

void Worker::accept_some(int listener) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    UniqueFd socket(accept4(listener, reinterpret_cast<sockaddr*>(&address), &length,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      // EAGAIN: another worker was quicker. The rest are faults of one client's connection.
      if (errno == EMFILE || errno == ENFILE) refuse_for_want_of_descriptors(listener);
      return;
    }
    welcome(std::move(socket), describe_client(reinterpret_cast<const sockaddr*>(&address)));
  }
}

// Without it the listener would stay readable and the loop would spin.
void Worker::refuse_for_want_of_descriptors(int listener) {
  spare_.reset();
  UniqueFd socket(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) send_and_close(std::move(socket), Reply::kTooManyConnections);
  spare_ = open_spare();
}

void Worker::welcome(UniqueFd socket, const ClientAddress& client) {
  if (connections_.size() >= context_.config.smtp_connection_limit) {
    log::info("client_refused", {{"ip", client.text}, {"reason", "smtp_connection_limit"}});
    return send_and_close(std::move(socket), Reply::kTooManyConnections);
  }
  const int on = 1;  // replies are whole when they are sent
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::string id = fmt::format("{:x}.{:x}", getpid(), ++last_id_);
  const auto connection =
      std::make_shared<Connection>(services_, std::move(socket), client, std::move(id),
                                   [this](Connection& gone) { connection_gone(gone); });
  connections_.emplace(connection.get(), connection);
  connection->start();
  if (draining_) connection->drain();
}

void Worker::connection_gone(Connection& connection) {
  connections_.erase(&connection);
  if (draining_) stop_when_empty();
}

void Worker::drain() {
  draining_ = true;
  listeners_.clear();
  context_.listeners.clear();
  drain_limit_.start(context_.config.drain_timeout);
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
