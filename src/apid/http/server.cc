// SPDX-License-Identifier: ISC
#include "apid/http/server.h"

#include <microhttpd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "apid/http/catching.h"
#include "apid/http/connection.h"
#include "shared/base/clock.h"
#include "shared/base/secrets.h"
#include "shared/log/log.h"
#include "shared/net/accept.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

// Room for the head of a request, for what the library notes of its fields, and for the head of the
// response. It is twice what RequestHead accepts, so that mostly the server can say in JSON what
// was too large. The library clears this memory for each request. For a larger one it would map
// memory for each connection.
constexpr std::size_t kConnectionMemory = 32 * 1024;

// At the connection limit one of so many clients is cut, to make room for new ones. The library
// closes those a little later, so it may have some connections above the limit.
constexpr std::size_t kShareCut = 32;
constexpr unsigned kSpare = 64;

constexpr int kAcceptsAtOnce = 10;
constexpr milliseconds kGiveWay{1};    // to another worker, which has fewer clients
constexpr milliseconds kFullFor{100};  // then the server tries again, if no client has gone before

// Without this flag, newer libraries write to a pipe of their own for each request, and register a
// new client only when they run the next time.
#if MHD_VERSION >= 0x00097707
constexpr unsigned kInOurLoop = MHD_USE_EPOLL | MHD_USE_NO_THREAD_SAFETY;
#else
constexpr unsigned kInOurLoop = MHD_USE_EPOLL;
#endif

// The library runs again while it has work, but after this time the loop serves its other
// descriptors.
constexpr std::chrono::microseconds kLongestRun{500};

// TLS 1.2 and 1.3. GnuTLS allows 1.0 and 1.1 by default. By default it also refuses insecure
// renegotiation. %SAFE_RENEGOTIATION would refuse clients with TLS 1.3 only (OpenSSL 3.5), which
// have no reason to send the extension of RFC 5746. Of TLS 1.2 only suites with forward secrecy and
// AEAD are left (RFC 9325 section 4.1).
constexpr const char* kTlsPriorities =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-AES-128-CBC:-AES-256-CBC";

// Leaves the path as the client sent it. The library would decode %00 to the end of the string.
std::size_t keep_escapes(void*, MHD_Connection*, char* text) noexcept { return std::strlen(text); }

template <class Function>
intptr_t as_option(Function* function) {
  return reinterpret_cast<intptr_t>(function);
}

// Whether the library has work that no descriptor tells of: it sends a large response record by
// record. It knows no time limits, so it never waits for one. See HttpServer::sweep().
bool has_work(MHD_Daemon* library) {
  MHD_UNSIGNED_LONG_LONG wait = 0;
  return MHD_get_timeout(library, &wait) == MHD_YES && wait == 0;
}

}  // namespace

// The library calls back from within HttpServer::run(), serve() and the destructor only.
struct HttpServer::Callbacks {
  static void on_connection(void* self, MHD_Connection* library, void** context,
                            MHD_ConnectionNotificationCode what) noexcept {
    auto& server = *static_cast<HttpServer*>(self);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
      // If memory is out, there is no context, and on_request() refuses every request.
      catching([&] {
        server.add_connection(library, context);
        const std::size_t staying = server.connections_.size() - server.cut_;
        if (staying > server.options_.connection_limit) server.make_room();
      });
    } else if (*context != nullptr) {
      server.remove_connection(*static_cast<Connection*>(std::exchange(*context, nullptr)));
    }
  }

  // The result is the context of the request.
  static void* on_target(void*, const char* target, MHD_Connection* library) noexcept {
    auto* const connection = static_cast<Connection*>(
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
    if (connection != nullptr) connection->exchange().begin(target);
    return connection;
  }

  static MHD_Result on_request(void*, MHD_Connection*, const char*, const char* method,
                               const char* version, const char*, std::size_t* upload_size,
                               void** context) noexcept {
    auto* const connection = static_cast<Connection*>(*context);
    *upload_size = 0;
    return connection != nullptr && connection->exchange().advance(method, version) ? MHD_YES
                                                                                    : MHD_NO;
  }

  static void on_completed(void*, MHD_Connection*, void** context,
                           MHD_RequestTerminationCode how) noexcept {
    auto* const connection = static_cast<Connection*>(std::exchange(*context, nullptr));
    if (connection != nullptr) connection->end_exchange(how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
  }

  static void on_log(void* self, const char* format, va_list arguments) noexcept {
    std::array<char, 256> line;
    std::vsnprintf(line.data(), line.size(), format, arguments);
    std::string_view text(line.data());
    while (text.ends_with('\n')) text.remove_suffix(1);
    static_cast<HttpServer*>(self)->last_complaint_ = text;
    log::debug("http_library", {{"text", text}});  // mostly about mistakes of clients
  }

  static std::vector<MHD_OptionItem> options(HttpServer& server);
};

std::vector<MHD_OptionItem> HttpServer::Callbacks::options(HttpServer& server) {
  std::vector<MHD_OptionItem> items = {
      {MHD_OPTION_EXTERNAL_LOGGER, as_option(on_log), &server},
      {MHD_OPTION_NOTIFY_CONNECTION, as_option(on_connection), &server},
      {MHD_OPTION_NOTIFY_COMPLETED, as_option(on_completed), &server},
      {MHD_OPTION_URI_LOG_CALLBACK, as_option(on_target), &server},
      {MHD_OPTION_UNESCAPE_CALLBACK, as_option(keep_escapes), nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, static_cast<intptr_t>(server.library_limit()), nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<intptr_t>(kConnectionMemory), nullptr},
      {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, nullptr},
#if MHD_VERSION >= 0x00097701
      {MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, nullptr},
#else
      {MHD_OPTION_STRICT_FOR_CLIENT, 0, nullptr},  // RequestHead is stricter, and says why
#endif
  };
  if (!server.options_.certificate.empty()) {
    items.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, server.options_.certificate.data()});
    items.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, server.options_.key.data()});
    items.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kTlsPriorities)});
  }
  items.push_back({MHD_OPTION_END, 0, nullptr});
  return items;
}

HttpServer::HttpServer(event_base* base, HttpServerOptions options, Handler handler,
                       Observer observer)
    : options_(std::move(options)),
      context_{.base = base,
               .timeout = options_.timeout,
               .minimum_rate = options_.minimum_rate,
               .tls = !options_.certificate.empty(),
               .client_of = std::move(options_.client_of),
               .handler = std::move(handler),
               .observer = std::move(observer),
               .run_library = net::Timer(base, [this] { run(); })},
      run_later_(base, [this] { run(); }),
      listen_again_(base, [this] { listen(); }),
      sweep_(base, [this] { sweep(); }) {}

Result<void> HttpServer::serve(int listener) {
  const bool tls = context_.tls;
  const unsigned flags = kInOurLoop | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                         MHD_USE_ERROR_LOG | (tls ? unsigned{MHD_USE_TLS} : 0U);
  std::vector<MHD_OptionItem> options = Callbacks::options(*this);
  library_.reset(MHD_start_daemon(flags, 0, nullptr, nullptr, Callbacks::on_request, this,
                                  MHD_OPTION_ARRAY, options.data(), MHD_OPTION_END));
  wipe(options_.key);
  if (!library_) {
    if (!tls) return fail(ErrorKind::kSystem, "cannot serve HTTP: {}", last_complaint_);
    return fail(
        ErrorKind::kConfig,
        "tls_certificate and tls_key do not work for HTTPS; are they PEM, and of one pair? {}",
        last_complaint_);
  }
  const MHD_DaemonInfo* info = MHD_get_daemon_info(library_.get(), MHD_DAEMON_INFO_EPOLL_FD);
  if (info == nullptr) return fail(ErrorKind::kSystem, "libmicrohttpd was built without epoll");
  watch_ = std::make_unique<net::ReadWatch>(context_.base, info->epoll_fd, [this] { run(); });
  listener_ = listener;
  listening_ =
      std::make_unique<net::ReadWatch>(context_.base, listener_, [this] { accept_some(); });
  return {};
}

void HttpServer::listen() {
  if (!context_.draining) listening_->go_on();
}

void HttpServer::stop_listening(milliseconds time) {
  listening_->stop();
  listen_again_.start(time);
}

// All workers wake up when a client connects. The first of them would accept all clients, and the
// others would stay idle. So a worker that has more clients than another gives way to it for a
// moment, and then accepts one client.
void HttpServer::accept_some() {
  const auto gives_way = [this] {
    return options_.others_have_fewer && options_.others_have_fewer();
  };
  if (!std::exchange(has_given_way_, false) && gives_way()) {
    has_given_way_ = true;
    return stop_listening(kGiveWay);
  }
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    if (connections_.size() >= library_limit()) return stop_listening(kFullFor);
    net::Accepted client = net::accept_client(listener_);
    if (!client.socket) {
      // EAGAIN: another worker was faster. The other errors concern one client's connection.
      const bool is_full = net::out_of_descriptors(errno) || errno == ENOBUFS || errno == ENOMEM;
      if (is_full) stop_listening(kFullFor);
      return;
    }
    arriving_ = admit(net::describe_client(client.address()));
    if (!arriving_) continue;
    // The library closes a socket that it refuses.
    MHD_add_connection(library_.get(), client.socket.release(), client.address(), client.size);
    arriving_.reset();
    if (gives_way()) return;
  }
}

// A client that is refused hears nothing: before the handshake no response could be read.
std::optional<net::ClientTable::Slot> HttpServer::admit(const net::ClientAddress& client) {
  std::optional<std::uint64_t> limit = 0;
  if (options_.connections_of) limit = options_.connections_of(client);
  auto slot = limit ? clients_.admit(client.rate_key, *limit) : std::nullopt;
  if (!slot) options_.counters.add(memory::Count::kHttpTurnedAway);
  if (!slot && limit && options_.too_many) options_.too_many(client);
  return slot;
}

HttpServer::~HttpServer() {
  if (!library_) return;
  for (const auto& connection : connections_) connection->abort();
  watch_.reset();    // before the library closes the descriptor
  library_.reset();  // calls back for every connection
}

void HttpServer::Stop::operator()(MHD_Daemon* library) const noexcept { MHD_stop_daemon(library); }

void HttpServer::run() {
  const auto end = precise_now() + kLongestRun;
  do {
    MHD_run(library_.get());
    for (Connection* connection : std::exchange(context_.starving, {}))
      connection->wait_for_bytes();
  } while (has_work(library_.get()) && precise_now() < end);
  if (has_work(library_.get())) run_later_.start(milliseconds{0});
  if (context_.draining && connections_.empty() && drained_) std::exchange(drained_, nullptr)();
}

// Looks at every connection a few times within the timeout. This is far cheaper than one timer for
// each connection that every request would move.
void HttpServer::sweep() {
  const milliseconds now = monotonic_now();
  for (const auto& connection : connections_) connection->enforce_deadline(now);
  if (!connections_.empty()) {
    sweep_.start(std::clamp(options_.timeout / 8, milliseconds{10}, milliseconds{1000}));
  }
}

unsigned HttpServer::library_limit() const { return options_.connection_limit + kSpare; }

// Cuts connections of the client that holds most of them, and of its connections those that the
// server has waited for longest: a client with an honest request has sent it long before. A
// connection that waits for the server, or on which a stream is read, is not cut.
void HttpServer::make_room() {
  std::vector<Connection*> slow;
  for (const auto& connection : connections_) {
    if (connection->can_be_cut()) slow.push_back(connection.get());
  }
  const std::size_t count = std::min(slow.size(), options_.connection_limit / kShareCut + 1);
  const auto last = slow.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::nth_element(slow, last, {}, [](const Connection* connection) {
    return std::pair(-connection->held_by_client(), connection->deadline());
  });
  for (auto connection = slow.begin(); connection != last; ++connection) {
    (*connection)->cut();
    ++cut_;
  }
  if (count > 0) log::info("api_full", {{"cut", count}, {"limit", options_.connection_limit}});
}

void HttpServer::drain(std::function<void()> drained) {
  context_.draining = true;
  drained_ = std::move(drained);
  listening_->stop();
  const milliseconds now = monotonic_now();
  for (const auto& connection : connections_) connection->drain(now);
  context_.run_library.start_soon();
}

// The node of the list is allocated first: once the connection's transport is in the library's TLS
// session, nothing may fail.
void HttpServer::add_connection(MHD_Connection* library, void** context) {
  Connection::List added(1);
  added.front() =
      std::make_shared<Connection>(library, context_, added.begin(), std::move(arriving_));
  *context = added.front().get();
  connections_.splice(connections_.begin(), added);
  options_.counters.add(memory::Count::kHttpAccepted);
  options_.counters.add(memory::Count::kHttpOpen);
  if (!sweep_.running()) sweep_.start(milliseconds{0});
}

void HttpServer::remove_connection(const Connection& connection) {
  options_.counters.remove(memory::Count::kHttpOpen);
  const bool was_cut = connection.is_cut();
  if (was_cut) --cut_;
  connections_.erase(connection.position());
  if (!has_given_way_) listen();  // if there was no room
  if (was_cut) context_.run_library.start_soon();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(event_base* base, int listener,
                                                      HttpServerOptions options, Handler handler,
                                                      Observer observer) {
  std::unique_ptr<HttpServer> server(
      new HttpServer(base, std::move(options), std::move(handler), std::move(observer)));
  if (Result<void> serving = server->serve(listener); !serving) {
    return std::unexpected(std::move(serving).error());
  }
  return server;
}

}  // namespace restante::apid
