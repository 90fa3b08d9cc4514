// SPDX-License-Identifier: ISC
// HTTP and HTTPS on one inherited listening socket, driven by the worker's event loop. Only
// http_server.cc includes libmicrohttpd.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "apid/http/responder.h"
#include "shared/base/error.h"
#include "shared/memory/scoreboard.h"

struct event_base;

namespace restante::apid {

struct HttpServerOptions {
  unsigned connection_limit = 0;
  std::chrono::milliseconds timeout{};  // for a request to come whole, and again for its answer
  std::string certificate, key;         // PEM; both empty: plain HTTP
  // Behind a proxy: who the client is, by who is connected and by X-Forwarded-For. Without it the
  // field means nothing.
  std::function<ClientAddress(const ClientAddress& peer, std::string_view forwarded)> client_of =
      {};
  Tally tally = {};
  std::function<bool()> others_have_fewer = {};  // clients; without it there are no other workers
};

// One closing line of the log for each request that was answered.
using Observer =
    std::function<void(const Request&, unsigned status, std::chrono::microseconds took)>;

// Requests that another HTTP implementation could read differently (smuggling) never reach the
// handler: they are answered 400 and their connection is closed.
class HttpServer {
 public:
  // Serves from now on. `listener` stays the caller's, who keeps it open while the server lives;
  // `base` outlives the server. Fails with kConfig when certificate or key is not usable.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(event_base* base, int listener,
                                                                 HttpServerOptions options,
                                                                 Handler handler,
                                                                 Observer observer);

  // Cuts what is still open. A Responder called later does nothing.
  virtual ~HttpServer() = default;

  // Accepts nobody any more, closes idle connections, answers what is under way, and the first
  // request of a client that has just come. `drained` is called once, from the loop, when the last
  // one has gone; it must not destroy the server.
  virtual void drain(std::function<void()> drained) = 0;
};

}  // namespace restante::apid
