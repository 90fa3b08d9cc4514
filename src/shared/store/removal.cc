// SPDX-License-Identifier: ISC
#include "shared/store/removal.h"

#include <fmt/core.h>

#include <utility>

#include "shared/store/keys.h"
#include "shared/store/scripts.h"

namespace restante::store {

void remove_mail(redis::Client& redis, std::string_view mailbox, MailId id, std::string_view lease,
                 std::function<void(Result<bool>)> done) {
  redis.run_script(remove_script(), {inbox_key(mailbox), claimed_key(mailbox), size_key(mailbox)},
                   {mail_prefix(mailbox), id.stream_id(), lease},
                   [&redis, done = std::move(done)](Result<redis::Reply> reply) {
                     if (!reply) return done(std::unexpected(reply.error()));
                     if (reply->is_text()) release_frame(redis, reply->text(), 1);
                     done(reply->is_text() || reply->integer() != 0);
                   });
}

void release_frame(redis::Client& redis, std::string_view token, std::size_t references) {
  redis.run_script(release_frame_script(), {frame_key(token)}, {fmt::format("{}", references)},
                   [](Result<redis::Reply>) {});
}

}  // namespace restante::store
