// SPDX-License-Identifier: ISC
// What a handler is given and what it gives back: HTTP without any socket or library.
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apid/http/event_stream.h"
#include "shared/base/c_ptr.h"
#include "shared/net/client_address.h"

namespace restante::apid {

// A request whose framing has been checked (http_client.h). A body is not read: no route has one.
struct Request {
  std::string method;
  std::string path;   // as sent, before the '?', still percent-encoded; begins with '/'
  std::string query;  // as sent, behind the '?'
  std::string host;   // as sent; may be empty or nonsense
  std::string api_key;
  bool has_body = false;  // which has not been read
  bool was_held = false;  // Responder::hold: the time that its answer took says nothing
  // Those of kKeptFields that came, several of a name joined by ", " (RFC 9110 section 5.3).
  std::map<std::string_view, std::string> fields;
  ClientAddress client;

  // Empty without such a field. `name` is one of kKeptFields.
  [[nodiscard]] std::string_view field(std::string_view name) const;
};

// The header fields that handlers ask for, in lower case; the others are not kept.
inline constexpr std::string_view kKeptFields[] = {
    "accept-encoding", "access-control-request-method",
    "authorization",   "if-none-match",
    "if-range",        "last-event-id",
    "origin",          "range",
    "x-forwarded-for",
};

// Bytes of a file that need not be in memory.
struct FileBody {
  std::shared_ptr<const UniqueFd> fd;  // regular file or memfd
  std::uint64_t offset = 0, size = 0;
};

// Told once what became of an answer: all of it was handed to the client's connection, or not. An
// answer that is thrown away, or given to a client that has gone, was not sent.
class Receipt {
 public:
  explicit Receipt(std::function<void(bool sent)> tell) : tell_(std::move(tell)) {}
  Receipt(const Receipt&) = delete;
  Receipt& operator=(const Receipt&) = delete;
  ~Receipt() { settle(false); }
  void settle(bool sent) {
    if (tell_) std::exchange(tell_, nullptr)(sent);
  }

 private:
  std::function<void(bool)> tell_;
};

struct Response {
  unsigned status = 200;
  std::vector<std::pair<const char*, std::string>> headers;  // names are literals
  std::string body;
  std::optional<FileBody> file = {};         // instead of the body
  std::shared_ptr<EventStream> stream = {};  // instead of the body
  std::shared_ptr<Receipt> receipt = {};     // for who wants to know
  std::shared_ptr<void> place = {};          // let go when the answer was sent or thrown away
  std::chrono::milliseconds send_limit{0};   // cut it when it takes longer; 0: by its size
};

// Answers one request. It may be called later, from the worker's loop, and as often as one likes:
// the first answer counts. When the client has gone meanwhile, nothing happens.
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

  // The answer may take up to `limit` and not only api_timeout. `ended` is called once, at any time
  // before the answer, if waiting has lost its sense: the client has gone, the time is over, or the
  // server is going and wants what answer there is. Without it a client may close its half.
  void hold(std::chrono::milliseconds limit, Ended ended) const {
    if (parts_->hold) parts_->hold(limit, std::move(ended));
  }

  // The same, but each answer is given to `change` first.
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
  std::shared_ptr<const Parts> parts_;  // a Responder is copied on its way
};

using Handler = std::function<void(const Request&, Responder)>;

// {"error":"…"} with the headers that every JSON answer has.
[[nodiscard]] Response error_response(unsigned status, std::string_view text);
template <class... Args>
[[nodiscard]] Response refuse(unsigned status, fmt::format_string<Args...> format, Args&&... args) {
  return error_response(status, fmt::format(format, std::forward<Args>(args)...));
}
[[nodiscard]] Response json_response(unsigned status, std::string body);
[[nodiscard]] std::string whole_seconds(std::chrono::milliseconds time);  // rounded up
[[nodiscard]] Response message_response(std::string_view text);           // {"message":"…"}
[[nodiscard]] Response no_such_message();                                 // 404
[[nodiscard]] Response try_later(std::string_view text);                  // 503 with Retry-After
// 429 with Retry-After.
[[nodiscard]] Response too_many_requests(std::string_view text, std::chrono::milliseconds retry_in);
// 503: why is in the log, once an outage, and none of a client's business.
[[nodiscard]] Response store_away();

}  // namespace restante::apid
