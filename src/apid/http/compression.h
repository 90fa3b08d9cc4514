// SPDX-License-Identifier: ISC
// JSON answers in gzip, for clients that ask for it.
#pragma once

#include <memory>
#include <string_view>

#include "apid/http/response.h"

namespace restante::apid {

// Whether a client with this Accept-Encoding field (RFC 9110 section 12.5.3) is better served with
// gzip than with the bytes as they are.
[[nodiscard]] bool prefers_gzip(std::string_view accept_encoding);

// Compresses one answer after the other, with one set of tables.
class Gzip {
 public:
  Gzip();
  ~Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  // Compresses JSON of a size that is worth it, if it `is_wanted`, and says in the header that it
  // depends on that. Leaves alone files, streams, parts, answers with a validator (ETag), which
  // names exact bytes, and what is too large to hold up the other clients of the worker for.
  void encode(Response& response, bool is_wanted);

 private:
  struct State;
  std::unique_ptr<State> state_;  // none when there was no memory
};

}  // namespace restante::apid
