// SPDX-License-Identifier: ISC
// One connection of an HttpServer.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>

#include "apid/http/exchange.h"
#include "apid/http/server_context.h"
#include "apid/http/tls_transport.h"
#include "shared/net/client_address.h"
#include "shared/net/client_table.h"
#include "shared/net/event_loop.h"

struct MHD_Connection;

namespace restante::apid {

// A client's connection from accept to close, with its deadline and the exchange that it carries.
// The library owns the socket and closes it. To close a connection, this class shuts its socket
// down, which the library sees the next time that it runs.
class Connection {
 public:
  using List = std::list<std::shared_ptr<Connection>>;

  // `position` is where the server's list has, or will have, this connection. `server` outlives it.
  // `slot` is the client's. The client has the server's timeout for its first request.
  Connection(MHD_Connection* library, ServerContext& server, List::iterator position,
             std::optional<net::ClientTable::Slot> slot);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // For the server.
  [[nodiscard]] List::iterator position() const { return position_; }
  [[nodiscard]] Exchange& exchange() { return exchange_; }
  // The library has finished with the request: waits for the next one.
  void end_exchange(bool sent) noexcept;
  // If the deadline has passed, answers a request that the handler has not answered, or else shuts
  // the connection down.
  void enforce_deadline(std::chrono::milliseconds now);
  // Whether the server may cut this connection to make room: it waits for the client, and does not
  // send a stream.
  [[nodiscard]] bool can_be_cut() const { return !is_cut_ && exchange_.waits_for_client(); }
  void cut();
  [[nodiscard]] bool is_cut() const { return is_cut_; }
  // Connections that its client holds.
  [[nodiscard]] std::int64_t held_by_client() const {
    return slot_ ? static_cast<std::int64_t>(slot_->of_client()) : 0;
  }
  // Closes the connection in half a second if it is idle. Asks the handler to answer a held request
  // now, and ends a stream.
  void drain(std::chrono::milliseconds now);
  // Takes the connection from the library until the client sends something. The library would ask
  // GnuTLS for the rest of a handshake again and again, because it waits for no descriptor then.
  void wait_for_bytes();
  // Answers nothing more, because the server is being destroyed.
  void abort();

  // For the exchange.
  [[nodiscard]] MHD_Connection* library() const { return library_; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const net::ClientAddress& peer() const { return peer_; }
  // Null without TLS.
  [[nodiscard]] TlsTransport* tls() { return transport_ ? &*transport_ : nullptr; }
  // Expires when the connection is closed.
  [[nodiscard]] std::weak_ptr<Exchange> weak_exchange();
  // A time of monotonic_now(), at which enforce_deadline() acts.
  [[nodiscard]] std::chrono::milliseconds deadline() const { return deadline_; }
  void wait_until(std::chrono::milliseconds deadline) { deadline_ = deadline; }
  // A response with a body of `size` bytes is being sent. It has `limit` if that is not 0, or else
  // as much time as a client with the minimum rate needs.
  void begin_sending(std::chrono::milliseconds now, std::uint64_t size,
                     std::chrono::milliseconds limit);
  // The library neither reads nor writes a suspended connection, and does not see its end.
  void suspend();
  void resume();  // does nothing if the connection is not suspended
  // Shuts both directions down.
  void shut_down();

 private:
  [[nodiscard]] bool reads_too_slowly(std::chrono::milliseconds now);

  MHD_Connection* library_;
  ServerContext& server_;
  List::iterator position_;
  int fd_;
  net::ClientAddress peer_;
  std::optional<net::ClientTable::Slot> slot_;
  std::chrono::milliseconds deadline_;
  // The last look at how fast the client reads a response.
  struct Progress {
    std::chrono::milliseconds time{};
    std::uint64_t acked = 0;
  } progress_;
  bool is_suspended_ = false, is_cut_ = false, is_starving_ = false;
  bool has_answered_ = false;  // a request
  Exchange exchange_;
  std::optional<TlsTransport> transport_;
  std::optional<net::ReadWatch> bytes_;  // while the handshake waits for the client
};

}  // namespace restante::apid
