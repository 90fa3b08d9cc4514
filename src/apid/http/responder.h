// SPDX-License-Identifier: ISC
// How a handler answers a request: at once or later.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "apid/http/request.h"
#include "apid/http/response.h"

namespace restante::apid {

// Answers one request. A handler may copy it, call it later from the worker's loop, and call it
// more than once: the first answer counts. If the client or the server has gone meanwhile, a call
// does nothing.
class Responder {
 public:
  using Answer = std::function<void(Response)>;
  using Ended = std::function<void()>;
  using Hold = std::function<void(std::chrono::milliseconds limit, Ended ended)>;

  template <class Function>
    requires std::is_invocable_v<Function, Response>
  Responder(Function answer) : Responder(std::move(answer), nullptr) {}
  Responder(Answer answer, Hold hold)
      : parts_(std::make_shared<const Parts>(Parts{std::move(answer), std::move(hold)})) {}

  void operator()(Response response) const { parts_->answer(std::move(response)); }

  // Extends the time for the answer from api_timeout to `limit` and api_timeout.
  //
  // The server calls `ended` at most once, and only before the answer, when waiting has become
  // pointless: the client has gone, the time is over, or the server drains and wants what answer
  // there is. If the server is draining already, it calls `ended` before hold() returns. Without
  // `ended` the server does not watch the client, which may then close its half of the connection.
  void hold(std::chrono::milliseconds limit, Ended ended) const {
    if (parts_->hold) parts_->hold(limit, std::move(ended));
  }

  // A Responder for the same request that applies `change` to each response first.
  [[nodiscard]] Responder with(std::function<void(Response&)> change) const {
    return {[parts = parts_, change = std::move(change)](Response response) {
              change(response);
              parts->answer(std::move(response));
            },
            parts_->hold};
  }

 private:
  struct Parts {
    Answer answer;
    Hold hold;
  };
  std::shared_ptr<const Parts> parts_;  // shared, because a Responder is copied on its way
};

// Answers a request through the Responder, before it returns or later. The Request is valid until
// the handler returns.
using Handler = std::function<void(const Request&, Responder)>;

}  // namespace restante::apid
