// SPDX-License-Identifier: ISC
// Removes one mail, for RedisReader and RedisClaims.
#pragma once

#include <functional>
#include <string_view>

#include "shared/base/error.h"
#include "shared/redis/client.h"
#include "shared/store/mail_id.h"

namespace restante::store {

// With a lease, removes the mail only if it still has that lease; an empty one: in any case. `done`
// gets whether a mail was removed.
void remove_mail(redis::Client& redis, std::string_view mailbox, MailId id, std::string_view lease,
                 std::function<void(Result<bool>)> done);

}  // namespace restante::store
