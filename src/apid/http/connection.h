// SPDX-License-Identifier: ISC
// One client of the HTTP server: what is known of its connection and of the request in hand.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string_view>

#include "apid/http/responder.h"
#include "apid/http/tls_transport.h"
#include "shared/net/event_loop.h"

struct MHD_Connection;

namespace restante::apid {

// Header fields are counted, because one that comes twice is how requests are smuggled.
struct FieldCounts {
  unsigned host = 0;
  unsigned api_key = 0;
  unsigned content_length = 0;
  unsigned transfer_encoding = 0;
  bool has_body = false;   // Content-Length is anything but "0"
  bool malformed = false;  // a name that is no token, a control character in a value
  bool bytes_lost = false;
};

enum class Stage : std::uint8_t {
  kReading,   // no request, or not all of its head
  kHead,      // the head has been seen and found good
  kAsked,     // the handler has been asked and has not answered
  kAnswered,  // there is an answer, not handed to the library yet
  kSending,
};

struct Client {
  MHD_Connection* connection = nullptr;
  int fd = -1;
  std::optional<TlsTransport> transport;  // with TLS
  Stage stage = Stage::kReading;
  bool suspended = false;
  bool close = false;        // after this answer
  bool aborted = false;      // the server is going: answer nothing more
  bool cut = false;          // to make room: the library closes it soon
  std::uint64_t serial = 0;  // of the request in hand; a late Responder knows by it that it is late
  std::uint64_t answered = 0;
  std::chrono::microseconds asked_at{};
  std::chrono::milliseconds deadline{};  // for what the stage waits for
  ClientAddress peer;  // who is connected; request.client may be someone behind it
  Request request;
  FieldCounts fields;
  std::size_t head_size = 0;         // bytes of the request's head
  std::string_view target;           // of the request, in the library's memory
  const char* read_up_to = nullptr;  // see check_gap
  std::optional<Response> response;
  Responder::Ended ended;               // of a held request
  std::optional<HangupWatch> hangup;    // of one, or of a stream
  std::shared_ptr<EventStream> stream;  // being sent
  std::shared_ptr<Receipt> receipt;     // of the answer being sent
  std::shared_ptr<void> place;          // … and what it holds
  std::list<std::shared_ptr<Client>>::iterator self;
};

// To be called for each piece of a request's head as libmicrohttpd 0.9.75 has split it, in order.
//
// That version loses bytes without a word: a value ends at a NUL, and a folded line (RFC 9112
// section 5.2) is glued to the field's *name*, so that "Content-Length:", CRLF, " 5" is no length
// to it and the body becomes the next request. It also takes a CR or LF alone for a line end, which
// others do not (RFC 9112 section 2.2). It splits a head in place, so where nothing was lost each
// piece begins `gap` bytes, one SP or CRLF, behind the end of the one before. Later versions refuse
// such requests themselves. What cannot be seen is a line of one ":" or NUL whose own end, or that
// before it, is LF alone: it ends the head, in the place of the empty line.
void check_gap(Client& client, std::string_view piece, std::size_t gap);

// The largest request target and head that are answered; past them 414 and 431.
inline constexpr std::size_t kMaxTarget = std::size_t{8} * 1024;
inline constexpr std::size_t kMaxHead = std::size_t{16} * 1024;

// Reads one header field of the request, of any case.
void read_field(Client& client, std::string_view name, std::string_view value);

// Takes the request target (RFC 9112 section 3.2) apart.
void read_target(Request& request, std::string_view target);

// The answer to a request that is not framed in the one way that everybody understands, if it is
// not; after such an answer the connection must be closed.
[[nodiscard]] std::optional<Response> check_framing(const Client& client, std::string_view version);

}  // namespace restante::apid
