// SPDX-License-Identifier: ISC
// Requests that are held until there is something to answer with: bounded, and looking again only
// when the mailbox has changed.
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

#include "apid/http/message.h"
#include "shared/memory/scoreboard.h"

struct event_base;

namespace restante::apid {

// Calls back whenever the mailbox may have mail that it had not before (MailWatch::watch).
using WatchMailbox =
    std::function<std::shared_ptr<void>(std::string_view mailbox, std::function<void()> changed)>;

struct WaitLimits {
  std::size_t all = 0;      // of this worker
  std::size_t per_key = 0;  // … with one API key
};

class Waits {
 public:
  // What a look at the mailbox gave.
  struct Looked {
    std::optional<Response> response;                   // nothing: there is nothing yet
    bool failed = false;                                // the response is a fault that may pass
    std::optional<std::chrono::milliseconds> again_in;  // look then, whether it has changed or not
  };
  using Look = std::function<void(std::function<void(Looked)>)>;

  struct Wait {
    std::string mailbox, api_key;
    std::chrono::milliseconds time;
    Look look;
    Response otherwise;  // at the end, if nothing was found
  };

  Waits(event_base* base, WatchMailbox watch, WaitLimits limits, Tally tally = {});
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;

  // Looks at once; then, for as long as the wait may take, when the mailbox has changed. Only one
  // look is under way at a time. A look that fails at first is the answer; one that fails later,
  // because Redis has gone meanwhile, is tried again. With no place left it answers so: 429 or 503.
  void start(Wait wait, const Responder& respond);

  // A place among those who wait, until what is returned goes; or the answer to give instead. It is
  // counted as `what`.
  [[nodiscard]] std::expected<std::shared_ptr<void>, Response> take_place(const std::string& key,
                                                                          Count what);

 private:
  struct Held;
  event_base* base_;
  WatchMailbox watch_;
  WaitLimits limits_;
  Tally tally_;
  struct Places {
    std::size_t all = 0;
    std::map<std::string, std::size_t, std::less<>> by_key;
  };
  std::shared_ptr<Places> places_ = std::make_shared<Places>();
};

}  // namespace restante::apid
