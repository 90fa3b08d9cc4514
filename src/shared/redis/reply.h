// SPDX-License-Identifier: ISC
// A reply of Redis, or an element of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

struct redisReply;

namespace restante::redis {

// A view: valid only during the call of the callback that receives the reply.
class Reply {
 public:
  explicit Reply(const redisReply* reply) : reply_(reply) {}
  [[nodiscard]] bool is_nil() const;
  [[nodiscard]] bool is_array() const;
  [[nodiscard]] bool is_text() const;               // bulk string or status
  [[nodiscard]] std::string_view text() const;      // "" unless is_text()
  [[nodiscard]] std::int64_t integer() const;       // 0 unless an integer
  [[nodiscard]] std::size_t size() const;           // elements of an array, else 0
  [[nodiscard]] Reply at(std::size_t index) const;  // index < size()

 private:
  const redisReply* reply_;
};

}  // namespace restante::redis
