// SPDX-License-Identifier: ISC
// What an HttpServer gives to its connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "apid/http/responder.h"
#include "shared/net/client_address.h"
#include "shared/net/event_loop.h"

namespace restante::apid {

class Connection;

// Called once for each request that is answered, when the sending of its response begins. `took` is
// the time since the request's first line came.
using Observer =
    std::function<void(const Request&, const Response&, std::chrono::microseconds took)>;

// Finds out whom a request comes from that a proxy may have passed on: `peer` is the client of the
// connection, `forwarded` the X-Forwarded-For field of the request.
using ClientOf =
    std::function<net::ClientAddress(const net::ClientAddress& peer, std::string_view forwarded)>;

// All connections of a server share one ServerContext. It outlives them.
struct ServerContext {
  event_base* base;
  std::chrono::milliseconds timeout;
  std::uint64_t minimum_rate;  // bytes a second that a client must read; 0: any
  bool tls;
  ClientOf client_of;  // may be empty: then the peer is the client
  Handler handler;
  Observer observer;
  net::Timer
      run_library;  // start it when the library has something to do that no descriptor tells it
  bool draining = false;
  // Connections whose handshake waits for the client, since the library last ran.
  std::vector<Connection*> starving = {};
};

}  // namespace restante::apid
