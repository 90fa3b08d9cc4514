// SPDX-License-Identifier: ISC
#include "shared/store/removal.h"

#include <utility>

#include "shared/store/keys.h"
#include "shared/store/scripts.h"

namespace restante::store {

void remove_mail(redis::Client& redis, std::string_view mailbox, MailId id, std::string_view lease,
                 std::function<void(Result<bool>)> done) {
  redis.run_script(remove_script(), {inbox_key(mailbox), claimed_key(mailbox)},
                   {mail_prefix(mailbox), id.stream_id(), lease},
                   [done = std::move(done)](Result<redis::Reply> reply) {
                     if (!reply) return done(std::unexpected(reply.error()));
                     done(reply->integer() != 0);
                   });
}

}  // namespace restante::store
