// SPDX-License-Identifier: ISC
// Claimed mails on their way to clients: taken once they were sent, given back if they were not.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "apid/http/message.h"
#include "shared/base/error.h"
#include "shared/store/mail_store.h"

struct event_base;

namespace restante::apid {

// What a claim asks of a MailStore.
struct ClaimStore {
  std::function<void(std::string_view, const ListQuery&, std::function<void(Result<Claim>)>)> claim;
  std::function<void(std::string_view, const MailId&, std::string_view,
                     std::function<void(Result<bool>)>)>
      take, give_back;
};

class Claims {
 public:
  // `base` outlives the object.
  Claims(event_base* base, ClaimStore store);
  ~Claims();
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  [[nodiscard]] const ClaimStore& store() const { return store_; }

  // Makes `response` the answer that takes the mail `id` out of `mailbox` when it has been sent as
  // a whole, with a line in the log that says to whom, and gives it back else. While Redis is away
  // that is tried again, for as long as the lease may last.
  void settle_by(Response& response, std::string mailbox, MailId id, std::string lease,
                 std::string client);

  // Calls back once, when Redis has been told of every answer that was sent or thrown away: at once
  // if it has. A worker that goes before that gives those mails twice.
  void when_settled(std::function<void()> settled);

 private:
  struct Settlement;
  void forget(std::list<std::shared_ptr<Settlement>>::iterator settlement);

  event_base* base_;
  ClaimStore store_;
  std::list<std::shared_ptr<Settlement>> open_;
  std::function<void()> settled_;
};

}  // namespace restante::apid
