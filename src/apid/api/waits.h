// SPDX-License-Identifier: ISC
// Long polling: requests that are held until their mailbox has what they ask for.
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apid/http/responder.h"
#include "apid/http/response.h"
#include "shared/config/config.h"
#include "shared/memory/scoreboard.h"
#include "shared/store/watch.h"

struct event_base;

namespace restante::apid {

// How many requests may be held or stream events at once.
struct WaitLimits {
  std::size_t all = 0;      // in this worker
  std::size_t per_key = 0;  // … with one API key
};

// Those of the settings, but no more than three quarters of the connections of a port, and of these
// half for one key: the rest is there for requests that do not wait.
[[nodiscard]] WaitLimits wait_limits(const config::Config& config);

class Waits {
 public:
  // The outcome of one attempt to respond.
  struct Outcome {
    std::optional<Response> response;                   // nothing: the mailbox has nothing yet
    bool failed = false;                                // `response` is an error that may pass
    std::optional<std::chrono::milliseconds> retry_in;  // try then, even without a change
  };
  using Attempt = std::function<void(std::function<void(Outcome)> done)>;

  struct Wait {
    std::string_view mailbox;  // a mailbox key (mail/mailbox_name.h)
    std::string_view api_key;
    std::chrono::milliseconds time;  // how long to wait; 0: one attempt
    Attempt attempt;
    Response (*otherwise)();  // the response when no attempt gave one in time
  };

  // `base` and `watch` outlive the object.
  Waits(event_base* base, store::Watch& watch, WaitLimits limits, memory::Counters counters = {});
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;

  // Makes one attempt at once, and another one after each change of the mailbox until `time` is
  // over; never two at a time. If the first attempt fails, its response is sent. A later one that
  // fails is repeated, because Redis may come back. Responds as reserve() does if a limit is
  // reached. May respond before it returns.
  void start(Wait wait, const Responder& respond);

  // Counts one request more against the limits, and in `gauge`, until the returned reservation is
  // destroyed, which may be after this object. The error is the response to send: 503 at the limit
  // of the worker, 429 at that of the key.
  [[nodiscard]] std::expected<std::shared_ptr<void>, Response> reserve(std::string_view api_key,
                                                                       memory::Count gauge);

 private:
  struct Held;
  struct Reserved {
    std::size_t all = 0;
    std::map<std::string, std::size_t, std::less<>> by_key;
  };
  event_base* base_;
  store::Watch& watch_;
  WaitLimits limits_;
  memory::Counters counters_;
  std::shared_ptr<Reserved> reserved_ = std::make_shared<Reserved>();
};

}  // namespace restante::apid
