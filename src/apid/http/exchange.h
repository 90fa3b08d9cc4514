// SPDX-License-Identifier: ISC
// The request that a connection carries, from its head to its response.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "apid/http/request_head.h"
#include "apid/http/responder.h"
#include "apid/http/server_context.h"
#include "shared/net/event_loop.h"

namespace restante::apid {

class Connection;

// One request and its response. A connection has one Exchange, which it uses for one request after
// the other, so that a request reuses the memory of the one before.
//
// The library calls begin(), advance() and end() for each request, always from within the loop. In
// between, the handler may answer, the client may hang up, and the server may end the waiting.
class Exchange {
 public:
  // Both outlive the exchange. `peer` is the client of the connection.
  Exchange(Connection& connection, ServerContext& server, const net::ClientAddress& peer);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // A request has begun. `target` must stay valid until the first advance().
  void begin(const char* target) noexcept;
  // Takes the next step: reads the head, asks the handler, or sends its response. While the handler
  // has not answered, the connection is suspended. False: the connection must be closed.
  [[nodiscard]] bool advance(const char* method, const char* version) noexcept;
  // The library has finished with the request. `sent`: it has sent all of the response.
  void end(bool sent) noexcept;

  // The head of a request has not come, or not all of it.
  [[nodiscard]] bool waits_for_request() const { return stage_ == Stage::kReading; }
  // The handler has a request that it has not answered.
  [[nodiscard]] bool waits_for_handler() const { return stage_ == Stage::kAsked; }
  // A first request has begun to come, so there is no handshake any more.
  [[nodiscard]] bool has_begun() const { return serial_ > 0; }
  // The client has to send its request or to read its response, and that is not a stream.
  [[nodiscard]] bool waits_for_client() const {
    return (stage_ == Stage::kReading || stage_ == Stage::kSending) && !stream_;
  }

  // The client has to read a response that is not a stream.
  [[nodiscard]] bool waits_for_reader() const { return stage_ == Stage::kSending && !stream_; }

  // Answers with 503 in place of the handler.
  void time_out();
  // Asks the handler to answer a held request now, and ends a stream.
  void end_waiting();
  // Answers nothing more, and ends a stream.
  void abort();

 private:
  enum class Stage : std::uint8_t {
    kReading,   // no request, or not all of its head
    kHead,      // the head is sound
    kAsked,     // the handler was asked and has not answered
    kAnswered,  // there is a response that the library does not have yet
    kSending,
  };

  [[nodiscard]] bool step(const char* method, const char* version);
  [[nodiscard]] bool read_head(const char* method, const char* version);
  void ask();
  void hold(std::chrono::milliseconds limit, Responder::Ended ended);
  void answer(Response response);
  [[nodiscard]] bool send();
  void begin_stream();
  void watch_for_hangup();
  void hung_up();

  Connection& connection_;
  ServerContext& server_;
  Stage stage_ = Stage::kReading;
  bool close_after_ = false;  // this response
  bool is_aborted_ = false;   // nothing more is answered
  std::uint64_t serial_ = 0;  // of the request; a Responder of an earlier one does nothing
  std::chrono::microseconds begun_at_{};
  Request request_;
  RequestHead head_{request_};
  std::optional<Response> response_;
  Responder::Ended ended_;                  // of a held request
  std::optional<net::HangupWatch> hangup_;  // of a held request or a stream
  std::shared_ptr<EventStream> stream_;     // being sent
  std::shared_ptr<Receipt> receipt_;        // of the response being sent
  std::shared_ptr<void> place_;             // of the response being sent
};

}  // namespace restante::apid
