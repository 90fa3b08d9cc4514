// SPDX-License-Identifier: ISC
#include "shared/redis/reply.h"

#include <hiredis/hiredis.h>

namespace restante::redis {

bool Reply::is_nil() const { return reply_->type == REDIS_REPLY_NIL; }
bool Reply::is_array() const { return reply_->type == REDIS_REPLY_ARRAY; }
bool Reply::is_text() const {
  return reply_->type == REDIS_REPLY_STRING || reply_->type == REDIS_REPLY_STATUS;
}
std::string_view Reply::text() const {
  return is_text() ? std::string_view(reply_->str, static_cast<std::size_t>(reply_->len))
                   : std::string_view();
}
std::int64_t Reply::integer() const {
  return reply_->type == REDIS_REPLY_INTEGER ? reply_->integer : 0;
}
std::size_t Reply::size() const { return is_array() ? reply_->elements : 0; }
Reply Reply::at(std::size_t index) const { return Reply(reply_->element[index]); }

}  // namespace restante::redis
