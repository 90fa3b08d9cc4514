// SPDX-License-Identifier: ISC
// Measures all mailboxes, for restantectl.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "shared/base/error.h"
#include "shared/redis/client.h"
#include "shared/store/mail_id.h"

namespace restante::store {

struct MailboxSize {
  std::string mailbox;      // mailbox key (mail/mailbox_name.h)
  std::uint64_t mails = 0;  // that Redis has, also past their retention
  std::uint64_t bytes = 0;  // of Redis' memory, with its share of each shared frame
  MailId newest;
};

// Calls `each` for every mailbox, in no order, and then `done` once; before the call returns only
// if Redis is away, which is the only error (kUnavailable). A mailbox that appears or ends
// meanwhile may be missing, and any may be given twice. Looks at every mail, at a hundred in each
// step of Redis. Holds about a hundred mailboxes in memory. `redis` must outlive the survey.
void survey_mailboxes(redis::Client& redis, std::function<void(MailboxSize)> each,
                      std::function<void(Result<void>)> done);

}  // namespace restante::store
