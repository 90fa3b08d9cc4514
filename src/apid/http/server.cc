// SPDX-License-Identifier: ISC
// HTTP and HTTPS by libmicrohttpd, which only this file, http_daemon.h and http_body.h include.
#include "apid/http/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "apid/http/catching.h"
#include "apid/http/daemon.h"
#include "shared/net/accept.h"
#include "shared/log/log.h"
#include "shared/memory/rate_table.h"
#include "shared/base/secrets.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

// A request's head, what the library notes of its fields, and the answer's head. It is twice of
// what check_framing lets pass, so that mostly it is we who say what was too much, in JSON. The
// library clears it for each request, and maps a larger one for each connection.
constexpr std::size_t kConnectionMemory = 32 * 1024;

// For a request that is on its way when the drain begins (RFC 9112 section 9.6).
constexpr milliseconds kIdleGrace{500};

// At the connection limit one of so many clients is cut, for those who come. There is room for some
// beyond the limit, since the library closes the others a little later.
constexpr std::size_t kShareCut = 32;
constexpr unsigned kSpare = 64;

constexpr int kAcceptsAtOnce = 10;
constexpr milliseconds kGiveWay{1};    // to another worker, which has fewer clients
constexpr milliseconds kFullFor{100};  // until it is tried again, if nobody goes before

// Unless newer ones know of one thread alone they write to themselves for each request, and take a
// client in hand only when they are run the next time.
#if MHD_VERSION >= 0x00097707
constexpr unsigned kInOurLoop = MHD_USE_EPOLL | MHD_USE_NO_THREAD_SAFETY;
#else
constexpr unsigned kInOurLoop = MHD_USE_EPOLL;
#endif

// The library is run again while it has work, but after this time the loop looks at its other
// descriptors. Work is also what a client in its handshake has not sent yet: the library asks for
// it all the time, and of a thousand such clients each turn takes longer than this.
constexpr std::chrono::microseconds kLongestRun{500};

// TLS 1.2 and 1.3 alone: GnuTLS' defaults allow 1.0 and 1.1. That it refuses to renegotiate where
// that is not secure is its default; %SAFE_RENEGOTIATION would refuse clients that speak 1.3 alone
// too, since those, as OpenSSL 3.5, have no reason to send the extension of RFC 5746.
constexpr const char* kTlsPriorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

// Leaves the path as it was sent: the library's own decoding turns %00 into the end of the string.
std::size_t keep_escapes(void*, MHD_Connection*, char* text) noexcept { return std::strlen(text); }

template <class Function>
intptr_t as_option(Function* function) {
  return reinterpret_cast<intptr_t>(function);
}

}  // namespace

std::vector<MHD_OptionItem> Daemon::library_options() {
  std::vector<MHD_OptionItem> items = {
      {MHD_OPTION_EXTERNAL_LOGGER, as_option(on_log), this},
      {MHD_OPTION_NOTIFY_CONNECTION, as_option(on_connection), this},
      {MHD_OPTION_NOTIFY_COMPLETED, as_option(on_completed), this},
      {MHD_OPTION_URI_LOG_CALLBACK, as_option(on_target), this},
      {MHD_OPTION_UNESCAPE_CALLBACK, as_option(keep_escapes), nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, static_cast<intptr_t>(library_limit()), nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<intptr_t>(kConnectionMemory), nullptr},
      {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, nullptr},
#if MHD_VERSION >= 0x00097701
      {MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, nullptr},
#else
      {MHD_OPTION_STRICT_FOR_CLIENT, 0, nullptr},  // check_framing is stricter, and says why
#endif
  };
  if (!options_.certificate.empty()) {
    items.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, options_.certificate.data()});
    items.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, options_.key.data()});
    items.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kTlsPriorities)});
  }
  items.push_back({MHD_OPTION_END, 0, nullptr});
  return items;
}

Result<void> Daemon::serve(int listener) {
  const bool tls = !options_.certificate.empty();
  const unsigned flags = kInOurLoop | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                         MHD_USE_ERROR_LOG | (tls ? unsigned{MHD_USE_TLS} : 0U);
  std::vector<MHD_OptionItem> options = library_options();
  daemon_.reset(MHD_start_daemon(flags, 0, nullptr, nullptr, on_request, this, MHD_OPTION_ARRAY,
                                 options.data(), MHD_OPTION_END));
  wipe(options_.key);
  if (!daemon_) {
    if (!tls) return fail(ErrorKind::kSystem, "cannot serve HTTP: {}", last_complaint_);
    return fail(
        ErrorKind::kConfig,
        "tls_certificate and tls_key do not work for HTTPS; are they PEM, and of one pair? {}",
        last_complaint_);
  }
  const MHD_DaemonInfo* info = MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD);
  if (info == nullptr) return fail(ErrorKind::kSystem, "libmicrohttpd was built without epoll");
  watch_ = std::make_unique<ReadWatch>(base_, info->epoll_fd, [this] { run(); });
  listener_ = listener;
  listening_ = std::make_unique<ReadWatch>(base_, listener_, [this] { accept_some(); });
  return {};
}

void Daemon::listen() {
  if (!draining_) listening_->go_on();
}

void Daemon::stop_listening(milliseconds until) {
  listening_->stop();
  listen_again_.start(until);
}

// All workers wake up when somebody comes. The first of them would take all who wait, and the
// others stay idle: so whoever has more clients than another gives way to it, and then takes one.
void Daemon::accept_some() {
  const auto gives_way = [this] {
    return options_.others_have_fewer && options_.others_have_fewer();
  };
  if (!std::exchange(has_given_way_, false) && gives_way()) {
    has_given_way_ = true;
    return stop_listening(kGiveWay);
  }
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    if (clients_.size() >= library_limit()) return stop_listening(kFullFor);
    Accepted client = accept_client(listener_);
    if (!client.socket) {
      // EAGAIN: another worker was quicker. The rest are faults of one client's connection.
      const bool is_full = out_of_descriptors(errno) || errno == ENOBUFS || errno == ENOMEM;
      if (is_full) stop_listening(kFullFor);
      return;
    }
    // It closes what it refuses.
    MHD_add_connection(daemon_.get(), client.socket.release(), client.address(), client.size);
    if (gives_way()) return;
  }
}

// The library refuses to stop while clients are suspended.
Daemon::~Daemon() {
  if (!daemon_) return;
  for (const auto& client : clients_) {
    client->aborted = true;
    if (client->stream) client->stream->end();
    if (client->suspended) resume(*client);
  }
  watch_.reset();   // before the descriptor that it watches is closed
  daemon_.reset();  // calls back for every client
}

// There may be work left that no descriptor tells of: a large answer goes out record by record.
// Time limits are ours (sweep), so the library never has one to report.
bool Daemon::has_work() const {
  MHD_UNSIGNED_LONG_LONG wait = 0;
  return MHD_get_timeout(daemon_.get(), &wait) == MHD_YES && wait == 0;
}

void Daemon::run() {
  const auto end = precise_now() + kLongestRun;
  do {
    MHD_run(daemon_.get());
  } while (has_work() && precise_now() < end);
  if (has_work()) run_later_.start(milliseconds{0});
  if (draining_ && clients_.empty() && drained_) std::exchange(drained_, nullptr)();
}

// Looks at every client a few times within the shortest time limit, which is far cheaper than one
// timer a client that every request would move.
void Daemon::sweep() {
  const milliseconds now = monotonic_now();
  for (const auto& client : clients_) {
    if (now >= client->deadline) expire(*client, now);
  }
  if (!clients_.empty()) {
    sweep_.start(std::clamp(options_.timeout / 8, milliseconds{10}, milliseconds{1000}));
  }
}

void Daemon::expire(Client& client, milliseconds now) {
  if (client.stage == Stage::kAsked) {
    // A suspended connection has no time limit of the library's, nor does it see its client go.
    const Responder::Ended ended = std::exchange(client.ended, nullptr);
    answer(client, try_later("the answer took too long, try again later"));
    if (ended) ended();
    return;
  }
  client.deadline = now + options_.timeout;
  // The library sees it, and closes; when draining, only after what has come is read and answered.
  const bool gently = draining_ && client.stage == Stage::kReading;
  ::shutdown(client.fd, gently ? SHUT_RD : SHUT_RDWR);
}

unsigned Daemon::library_limit() const { return options_.connection_limit + kSpare; }

// Those who have been waited for longest go: a client that means it has sent its request long
// since. Nobody goes who waits for us, or reads a stream.
void Daemon::make_room() {
  std::vector<Client*> slow;
  for (const auto& client : clients_) {
    const bool is_awaited = client->stage == Stage::kReading || client->stage == Stage::kSending;
    if (is_awaited && !client->stream && !client->cut) slow.push_back(client.get());
  }
  const std::size_t count = std::min(slow.size(), options_.connection_limit / kShareCut + 1);
  const auto last = slow.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::nth_element(slow, last, {}, &Client::deadline);
  for (auto client = slow.begin(); client != last; ++client) {
    (*client)->cut = true;
    ++cut_;
    ::shutdown((*client)->fd, SHUT_RDWR);  // the library sees it, and closes
  }
  if (count > 0) log::info("api_full", {{"cut", count}, {"limit", options_.connection_limit}});
}

void Daemon::drain(std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  listening_->stop();
  const milliseconds soon = monotonic_now() + kIdleGrace;
  for (const auto& client : clients_) {
    const bool idle = client->answered > 0 && client->stage == Stage::kReading;
    if (idle) client->deadline = std::min(client->deadline, soon);
    end_waiting(*client);
  }
  run_soon_.start();
}

void Daemon::add_client(MHD_Connection* connection, void** context) {
  auto client = std::make_shared<Client>();
  client->connection = connection;
  client->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  client->peer = describe_client(
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
  client->request.client = client->peer;
  client->deadline = monotonic_now() + options_.timeout;
  clients_.push_front(client);
  client->self = clients_.begin();
  if (!options_.certificate.empty()) {
    const MHD_ConnectionInfo* tls =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    client->transport.emplace(static_cast<gnutls_session_int*>(tls->tls_session), client->fd);
  }
  *context = client.get();
  options_.tally.add(Count::kHttpAccepted);
  options_.tally.add(Count::kHttpOpen);
  if (!sweep_.running()) sweep_.start(milliseconds{0});
}

void Daemon::on_connection(void* self, MHD_Connection* connection, void** context,
                           MHD_ConnectionNotificationCode what) noexcept {
  auto& daemon = *static_cast<Daemon*>(self);
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    // Without a Client (out of memory) every request is refused by on_request.
    catching([&] {
      daemon.add_client(connection, context);
      if (daemon.clients_.size() - daemon.cut_ > daemon.options_.connection_limit)
        daemon.make_room();
    });
  } else if (auto* client = static_cast<Client*>(std::exchange(*context, nullptr))) {
    daemon.options_.tally.remove(Count::kHttpOpen);
    const bool was_cut = client->cut;
    if (was_cut) --daemon.cut_;
    daemon.clients_.erase(client->self);
    if (!daemon.has_given_way_) daemon.listen();  // if there was no room
    if (was_cut) daemon.run_soon_.start();
  }
}

void* Daemon::on_target(void* self, const char* target, MHD_Connection* connection) noexcept {
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  auto* client = static_cast<Client*>(info->socket_context);
  if (client == nullptr) return nullptr;
  auto& daemon = *static_cast<Daemon*>(self);
  client->aborted = !catching([&] { daemon.begin_request(*client, target); });
  return client;
}

MHD_Result Daemon::on_request(void* self, MHD_Connection*, const char*, const char* method,
                              const char* version, const char*, std::size_t* upload_size,
                              void** context) noexcept {
  auto* client = static_cast<Client*>(*context);
  if (client == nullptr || client->aborted) return MHD_NO;
  *upload_size = 0;
  MHD_Result result = MHD_NO;
  catching([&] { result = static_cast<Daemon*>(self)->handle(*client, method, version); });
  return result;
}

void Daemon::on_completed(void* self, MHD_Connection*, void** context,
                          MHD_RequestTerminationCode how) noexcept {
  auto* client = static_cast<Client*>(std::exchange(*context, nullptr));
  if (client == nullptr) return;
  client->hangup.reset();
  catching([&] {
    if (client->stream) client->stream->when_written(nullptr);
    end_waiting(*client);
    if (client->receipt) client->receipt->settle(how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
  });
  client->stream.reset();
  client->receipt.reset();
  client->place.reset();
  client->response.reset();
  ++client->serial;
  ++client->answered;
  client->stage = Stage::kReading;
  client->suspended = false;
  const auto& daemon = *static_cast<Daemon*>(self);
  client->deadline = monotonic_now() + (daemon.draining_ ? kIdleGrace : daemon.options_.timeout);
}

void Daemon::on_log(void* self, const char* format, va_list arguments) noexcept {
  std::array<char, 256> line;
  std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string_view text(line.data());
  while (text.ends_with('\n')) text.remove_suffix(1);
  static_cast<Daemon*>(self)->last_complaint_ = text;
  log::debug("http_library", {{"text", text}});  // mostly of clients' faults
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(event_base* base, int listener,
                                                      HttpServerOptions options, Handler handler,
                                                      Observer observer) {
  auto daemon =
      std::make_unique<Daemon>(base, std::move(options), std::move(handler), std::move(observer));
  if (Result<void> started = daemon->serve(listener); !started) {
    return std::unexpected(std::move(started).error());
  }
  return daemon;
}

}  // namespace restante::apid
