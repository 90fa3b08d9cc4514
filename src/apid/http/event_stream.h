// SPDX-License-Identifier: ISC
// The body of a response that is written over time.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace restante::apid {

// A bounded buffer between a handler, which writes, and the HTTP server, which sends. Both hold it
// in a shared_ptr. All callbacks run in the worker's loop.
class EventStream {
 public:
  // Bytes that may wait for the client. A client that falls further behind is disconnected.
  static constexpr std::size_t kLimit = std::size_t{1024} * 1024;

  // For the writer. `ended` is called once, from within write() or end(), when writing has become
  // pointless: the client has gone or has fallen behind, or the server drains.
  void when_ended(std::function<void()> ended) { ended_ = std::move(ended); }
  // `drained` is called from within read() each time that it empties the buffer. It must not throw.
  void when_drained(std::function<void()> drained) { drained_ = std::move(drained); }
  // Appends `text`. Returns false if the stream has ended, or ends now because the client has
  // fallen behind.
  bool write(std::string_view text);

  // For the server. `wake` is called from within write() and end(): there are bytes to send, or the
  // stream has ended.
  void when_written(std::function<void()> wake) { wake_ = std::move(wake); }
  // Moves up to `room.size()` waiting bytes to `room` and returns their number.
  [[nodiscard]] std::size_t read(std::span<char> room);
  // Ends the stream for both sides. What has been written can still be read.
  void end();
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  [[nodiscard]] bool is_empty() const { return pending_.empty(); }

 private:
  std::string pending_;
  bool has_ended_ = false;
  std::function<void()> ended_, drained_, wake_;
};

}  // namespace restante::apid
