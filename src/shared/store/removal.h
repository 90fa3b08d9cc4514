// SPDX-License-Identifier: ISC
// Removes one mail, and what it refers to.
#pragma once

#include <cstddef>
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

// Gives up references to a shared frame (put_frame() of writer.h). There is no reply to wait for:
// what is not given up is removed when its retention has passed.
void release_frame(redis::Client& redis, std::string_view token, std::size_t references);

}  // namespace restante::store
