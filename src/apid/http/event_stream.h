// SPDX-License-Identifier: ISC
// A body that is written while time goes by, to a client that keeps listening.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace restante::apid {

// Shared by who writes (a handler) and who sends (the HTTP server).
class EventStream {
 public:
  // A client that has fallen this far behind is cut off.
  static constexpr std::size_t kLimit = std::size_t{1024} * 1024;

  // For the writer. `ended` is called once when the client has gone, has fallen behind, or the
  // server is going: there is no use in writing any more.
  void when_ended(std::function<void()> ended) { ended_ = std::move(ended); }
  // `drained` is called, from within read(), each time that all has been taken. It must not throw.
  void when_drained(std::function<void()> drained) { drained_ = std::move(drained); }
  // False when it has ended.
  bool write(std::string_view text);

  // For the server. `wake` is called when there is something to do: bytes to send, or the end.
  void when_written(std::function<void()> wake) { wake_ = std::move(wake); }
  // Takes up to `room.size()` of the bytes that wait; says how many those were.
  [[nodiscard]] std::size_t read(std::span<char> room);
  // Ends it, for both sides; what has been written can still be read.
  void end();
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  [[nodiscard]] bool is_empty() const { return pending_.empty(); }

 private:
  std::string pending_;
  bool has_ended_ = false;
  std::function<void()> ended_, drained_, wake_;
};

}  // namespace restante::apid
