// SPDX-License-Identifier: ISC
// An HTTP response as a handler builds it, without any socket or library.
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apid/http/event_stream.h"
#include "shared/base/unique_fd.h"

namespace restante::apid {

// `size` bytes of a file, from `offset` on. They are sent without being read into memory.
struct FileBody {
  std::shared_ptr<const UniqueFd> fd;  // regular file or memfd
  std::uint64_t offset = 0, size = 0;
};

// Reports once whether a response was sent: `tell(true)` when all of it was handed to the client's
// connection, `tell(false)` when it was discarded, cut off, or made for a client that has gone.
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

// A response has one body: `file`, `stream`, or else the string `body`.
struct Response {
  unsigned status = 200;
  std::vector<std::pair<const char*, std::string>> headers;  // names are literals
  std::string body;
  std::optional<FileBody> file = {};
  std::shared_ptr<EventStream> stream = {};
  std::shared_ptr<Receipt> receipt = {};    // optional
  std::shared_ptr<void> place = {};         // released when the response was sent or discarded
  std::chrono::milliseconds send_limit{0};  // time for sending it; 0: by its size
  std::string key_fingerprint = {};  // of the API key that the request had; empty: no right one
};

// A JSON response with the headers that every JSON response has.
[[nodiscard]] Response json_response(unsigned status, std::string body);
// {"error":"…"}
[[nodiscard]] Response error_response(unsigned status, std::string_view text);
// error_response() with a formatted text.
template <class... Args>
[[nodiscard]] Response refuse(unsigned status, fmt::format_string<Args...> format, Args&&... args) {
  return error_response(status, fmt::format(format, std::forward<Args>(args)...));
}
[[nodiscard]] Response message_response(std::string_view text);  // 200 {"message":"…"}
[[nodiscard]] Response no_such_message();                        // 404
[[nodiscard]] Response try_later(std::string_view text);         // 503 with Retry-After
// 429 with Retry-After (RFC 6585 section 4); the text says the time to wait too.
[[nodiscard]] Response too_many_requests(std::string_view text, std::chrono::milliseconds retry_in);
// 503 while Redis is away. The reason is in the log, once an outage; clients do not need it.
[[nodiscard]] Response store_away();
// A duration for Retry-After and the like: decimal seconds, rounded up.
[[nodiscard]] std::string whole_seconds(std::chrono::milliseconds time);

}  // namespace restante::apid
