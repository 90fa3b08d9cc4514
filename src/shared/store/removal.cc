// SPDX-License-Identifier: ISC
#include "shared/store/removal.h"

#include <array>
#include <span>
#include <string>
#include <utility>

#include "shared/store/keys.h"
#include "shared/store/scripts.h"

namespace restante {

void remove_mail(Redis& redis, std::string_view mailbox, MailId id, std::string_view lease,
                 std::function<void(Result<bool>)> done) {
  const std::string inbox = inbox_key(mailbox);
  const std::string claimed = claimed_key(mailbox);
  const std::string prefix = mail_prefix(mailbox);
  const std::string stream_id = id.stream_id();
  const std::array<std::string_view, 2> keys = {inbox, claimed};
  const std::array<std::string_view, 3> arguments = {prefix, stream_id, lease};
  redis.run_script(remove_script(), keys, std::span(arguments).first(lease.empty() ? 2 : 3),
                   [done = std::move(done)](Result<RedisReply> reply) {
                     if (!reply) return done(std::unexpected(reply.error()));
                     done(reply->integer() != 0);
                   });
}

}  // namespace restante
