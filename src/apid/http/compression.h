// SPDX-License-Identifier: ISC
// Compresses JSON responses with gzip.
#pragma once

#include <memory>
#include <string_view>

#include "apid/http/response.h"

namespace restante::apid {

// Whether an Accept-Encoding field (RFC 9110 section 12.5.3) accepts gzip and does not prefer
// identity.
[[nodiscard]] bool prefers_gzip(std::string_view accept_encoding);

// A compressor that is used for one response after the other, since its tables are large.
class Gzip {
 public:
  Gzip();
  ~Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  // If `is_wanted`, compresses a JSON body of 1 KiB to 1 MiB. Adds `Vary: Accept-Encoding` in
  // either case. Compressing more would take more than 10 ms, in which the worker serves no client.
  //
  // Does not change files, streams, partial content (206), and responses with an ETag, which names
  // exact bytes. Does nothing if memory is out.
  void encode(Response& response, bool is_wanted);

 private:
  struct State;
  std::unique_ptr<State> state_;  // null if there was no memory
};

}  // namespace restante::apid
