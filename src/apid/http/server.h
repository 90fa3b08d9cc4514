// SPDX-License-Identifier: ISC
// The HTTP and HTTPS server of restante-apid.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "apid/http/responder.h"
#include "apid/http/server_context.h"
#include "shared/base/error.h"
#include "shared/memory/scoreboard.h"
#include "shared/net/client_address.h"
#include "shared/net/client_table.h"
#include "shared/net/event_loop.h"

struct MHD_Connection;
struct MHD_Daemon;

namespace restante::apid {

class Connection;

struct HttpServerOptions {
  unsigned connection_limit = 0;  // above it connections are cut: see make_room()
  // For a whole request to arrive, again for the handler to answer, and again for sending the
  // response, which has more time for its body, by `minimum_rate`.
  std::chrono::milliseconds timeout{};
  // Bytes a second that a client must read of a response, on the average of 30 seconds; 0: any.
  std::uint64_t minimum_rate = 0;
  std::string certificate, key;  // PEM; both empty: plain HTTP
  ClientOf client_of = {};       // behind a proxy; empty: X-Forwarded-For has no meaning
  // How many connections a client may hold, 0: any number; nothing: its new one is refused. Called
  // once for each that comes. Empty: there is no limit.
  std::function<std::optional<std::uint64_t>(const net::ClientAddress&)> connections_of = {};
  // Called when a client that holds so many is refused. May be empty.
  std::function<void(const net::ClientAddress&)> too_many = {};
  memory::Counters counters = {};
  // Whether another worker has fewer clients. Empty: there is no other worker.
  std::function<bool()> others_have_fewer = {};
};

// Serves HTTP or HTTPS on one listening socket, driven by the worker's event loop. libmicrohttpd
// parses and sends; the server accepts clients, limits their number and their time, and drains.
//
// A request that another HTTP implementation could read differently (request smuggling) does not
// reach the handler. It is answered with 400, and its connection is closed.
class HttpServer {
 public:
  // Starts to serve. The server calls `handler` for each sound request and `observer` for each
  // response, from the loop. `base` must outlive the server. The caller keeps `listener` and must
  // not close it before the server is destroyed.
  //
  // Fails with kConfig if certificate and key are not usable, and with kSystem if the library does
  // not start.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(event_base* base, int listener,
                                                                 HttpServerOptions options,
                                                                 Handler handler,
                                                                 Observer observer);

  // Closes all connections. A Responder that is called later does nothing.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Stops accepting, closes idle connections, and answers the requests in progress and the first
  // request of a new client. Calls `drained` once, from the loop, when the last connection is
  // closed. `drained` must not destroy the server.
  void drain(std::function<void()> drained);

 private:
  struct Callbacks;  // from the library
  struct Stop {
    void operator()(MHD_Daemon* library) const noexcept;
  };

  HttpServer(event_base* base, HttpServerOptions options, Handler handler, Observer observer);
  [[nodiscard]] Result<void> serve(int listener);
  void listen();
  void stop_listening(std::chrono::milliseconds time);
  void accept_some();
  void run();
  void sweep();
  [[nodiscard]] std::optional<net::ClientTable::Slot> admit(const net::ClientAddress& client);
  [[nodiscard]] unsigned library_limit() const;
  void make_room();
  void add_connection(MHD_Connection* library, void** context);
  void remove_connection(const Connection& connection);

  HttpServerOptions options_;
  ServerContext context_;
  net::ClientTable clients_;
  std::optional<net::ClientTable::Slot> arriving_;  // of the connection that the library is given
  std::list<std::shared_ptr<Connection>> connections_;
  std::size_t cut_ = 0;         // of them: shut down to make room, and not closed yet
  std::string last_complaint_;  // of the library
  std::function<void()> drained_;
  std::unique_ptr<MHD_Daemon, Stop> library_;
  std::unique_ptr<net::ReadWatch> watch_;  // of the library's epoll descriptor
  int listener_ = -1;
  std::unique_ptr<net::ReadWatch> listening_;
  bool has_given_way_ = false;  // to a worker with fewer clients
  net::Timer run_later_, listen_again_, sweep_;
};

}  // namespace restante::apid
