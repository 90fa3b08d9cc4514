// SPDX-License-Identifier: ISC
// Settles claims: a claimed mail is removed once its response has been sent, or else released.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "apid/http/response.h"
#include "shared/memory/scoreboard.h"
#include "shared/store/claims.h"

struct event_base;

namespace restante::apid {

class Settlements {
 public:
  // `base` and `claims` outlive the object. Removed mails are counted in `counters`.
  Settlements(event_base* base, store::Claims& claims, memory::Counters counters);
  ~Settlements();
  Settlements(const Settlements&) = delete;
  Settlements& operator=(const Settlements&) = delete;

  // Gives `response` a receipt that acknowledges the claim when all of it has been sent, and logs
  // the address `client`, or releases the claim when it was not sent. While Redis is away this is
  // repeated until the lease (30 s) has ended. The response is cut if sending takes 20 s.
  void settle_when_sent(Response& response, std::string mailbox, store::MailId id,
                        std::string lease, std::string client);

  // Calls `settled` once, when no settlement is open any more; before it returns if there is none.
  // Mails whose settlement is open when the worker exits are given to a second client.
  void when_settled(std::function<void()> settled);

 private:
  struct Settlement;
  using Open = std::list<std::shared_ptr<Settlement>>;
  void forget(Open::iterator settlement);

  event_base* base_;
  store::Claims& claims_;
  memory::Counters counters_;
  Open open_;
  std::function<void()> settled_;
};

}  // namespace restante::apid
