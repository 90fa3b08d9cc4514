// SPDX-License-Identifier: ISC
// Reads the head of a request and judges its framing. Pure: no socket, no library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "apid/http/request.h"
#include "apid/http/response.h"

namespace restante::apid {

// The largest request target and the largest head that are accepted, in bytes. Larger ones are
// answered with 414 and 431.
inline constexpr std::size_t kMaxTarget = std::size_t{8} * 1024;
inline constexpr std::size_t kMaxHead = std::size_t{16} * 1024;

// Splits the request target (RFC 9112 section 3.2) into path and query.
void read_target(Request& request, std::string_view target);

// Fills in a Request from the pieces into which the HTTP library has split its head. Call begin(),
// read_start_line(), read_field() for each field in order, finish(), and then find_fault().
class RequestHead {
 public:
  // `request` must outlive this object.
  explicit RequestHead(Request& request) : request_(request) {}

  // Clears what is left of the request before. `target` must stay valid until read_start_line().
  void begin(std::string_view target);
  void read_start_line(std::string_view method, std::string_view version);
  // A field without a colon has a `value` without data.
  void read_field(std::string_view name, std::string_view value);
  // Ends the head, which had `size` bytes.
  //
  // `in_place` says that the pieces are views of the bytes as the client sent them. Then each piece
  // must begin one SP or CRLF behind the end of the one before, or else the request is malformed:
  // libmicrohttpd 0.9.75 loses bytes without saying so. It ends a value at a NUL. It appends a
  // folded line (RFC 9112 section 5.2) to the field's *name*: to it, "Content-Length:", CRLF, " 5"
  // is no length, and the body becomes the next request. It also accepts a single CR or LF as the
  // end of a line, which others do not (RFC 9112 section 2.2). One case stays hidden: a line of one
  // ":" or NUL where that line or the one before ends in LF alone. It ends the head like an empty
  // line. Later versions refuse such requests themselves.
  void finish(std::size_t size, bool in_place);

  // The response to a request that two HTTP implementations could read in different ways (request
  // smuggling), that is malformed, or that is too large: 400, 414, 431 or 505. Nothing if the
  // request is sound. The connection must be closed after such a response.
  [[nodiscard]] std::optional<Response> find_fault(std::string_view version) const;

 private:
  // A field that comes twice, or two ways to find the end of a request, are how requests are
  // smuggled.
  struct Counts {
    unsigned host = 0, api_key = 0, content_length = 0, transfer_encoding = 0;
    bool malformed = false;   // a name that is not a token, a control character in a value
    bool bytes_lost = false;  // between two pieces
  };
  void read_piece(std::string_view piece, std::size_t gap);
  void skip_to(std::uintptr_t address, std::size_t gap);

  Request& request_;
  Counts counts_;
  std::size_t size_ = 0;
  std::string_view target_;
  std::uintptr_t start_ = 0, read_up_to_ = 0;  // addresses in the head
};

}  // namespace restante::apid
