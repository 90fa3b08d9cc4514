// SPDX-License-Identifier: ISC
#include "shared/redis/reply.h"

#include <hiredis/hiredis.h>

namespace restante {

bool RedisReply::is_nil() const { return reply_->type == REDIS_REPLY_NIL; }
bool RedisReply::is_array() const { return reply_->type == REDIS_REPLY_ARRAY; }
bool RedisReply::is_text() const {
  return reply_->type == REDIS_REPLY_STRING || reply_->type == REDIS_REPLY_STATUS;
}
std::string_view RedisReply::text() const {
  return is_text() ? std::string_view(reply_->str, static_cast<std::size_t>(reply_->len))
                   : std::string_view();
}
std::int64_t RedisReply::integer() const {
  return reply_->type == REDIS_REPLY_INTEGER ? reply_->integer : 0;
}
std::size_t RedisReply::size() const { return is_array() ? reply_->elements : 0; }
RedisReply RedisReply::at(std::size_t index) const { return RedisReply(reply_->element[index]); }

}  // namespace restante
