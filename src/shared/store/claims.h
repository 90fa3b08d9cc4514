// SPDX-License-Identifier: ISC
// Claims: a mail is leased to one client, and removed once that client has received it.
//
// `mailbox` is a mailbox key. A callback is called once; before the call returns only if Redis is
// away. The only ErrorKind is kUnavailable.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/error.h"
#include "shared/store/mail_id.h"
#include "shared/store/reader.h"

namespace restante::store {

// A mail under lease. No other claim gets it while the lease lasts (30 s); lists still show it.
struct ClaimedMail {
  StoredMail mail;
  std::string lease;  // names this lease in acknowledge() and release()
};

struct Claim {
  std::optional<ClaimedMail> claimed;
  // When no mail was free but others hold leases: the time until the first of them ends.
  std::optional<std::chrono::milliseconds> free_in;
  // No mail up to this id fits; the next claim may give it as `after`.
  std::optional<MailId> none_until = {};
  bool has_more = false;  // behind none_until: 10,000 mails were looked at, and that is the most
};

class Claims {
 public:
  virtual ~Claims() = default;

  // Leases the oldest free mail that fits `query` as Reader::list() has it; `limit`, `before` and
  // the form of the page are ignored. Of all who claim at once one gets the mail.
  virtual void claim(std::string_view mailbox, const ListQuery& query,
                     std::function<void(Result<Claim>)> done) = 0;

  // Removes a claimed mail. `done` gets false when the lease has ended and the mail is someone
  // else's, or is gone.
  virtual void acknowledge(std::string_view mailbox, const MailId& id, std::string_view lease,
                           std::function<void(Result<bool>)> done) = 0;

  // Ends a lease early: the next claim gets the mail. `done` gets false when it had ended.
  virtual void release(std::string_view mailbox, const MailId& id, std::string_view lease,
                       std::function<void(Result<bool>)> done) = 0;
};

}  // namespace restante::store
