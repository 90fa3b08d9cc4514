// SPDX-License-Identifier: ISC
// A claimed mail on its way to a client: taken once it was sent, given back if it was not.
#include "apid/claims.h"

#include <chrono>
#include <utility>

#include "shared/event_loop.h"
#include "shared/log.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

// Below the lease of src/shared/mail_claims.cc: an answer that is not sent by then is cut, so that
// nobody is still reading what another one may claim.
constexpr milliseconds kClaimSendLimit{20'000};
constexpr milliseconds kTakeAgain{100};
constexpr unsigned kTakeTries = 300;  // 30 s, the lease

// It lives while the store or its timer has work to do for it.
struct Settlement : std::enable_shared_from_this<Settlement> {
  Settlement(event_base* base, const ClaimStore& its_store, std::string its_mailbox, MailId its_id,
             std::string its_lease, std::string its_client)
      : store(its_store),
        mailbox(std::move(its_mailbox)),
        id(its_id),
        lease(std::move(its_lease)),
        client(std::move(its_client)),
        again(base, [this] { take(); }) {}

  void settle(bool sent) {
    if (!sent) return store.give_back(mailbox, id, lease);
    take();
  }

  void take() {
    store.take(mailbox, id, lease, [self = shared_from_this()](Result<bool> taken) {
      self->own.reset();
      if (taken) return self->tell(*taken ? "mail_claimed" : "claim_overdue");
      if (++self->tries == kTakeTries) return self->tell("claim_not_taken");
      self->own = self;
      self->again.start(kTakeAgain);
    });
  }

  void tell(std::string_view event) const {
    const auto line = event == "mail_claimed" ? log::info : log::warning;
    line(event, {{"mailbox", mailbox}, {"id", id.text()}, {"ip", client}});
  }

  const ClaimStore& store;
  std::string mailbox;
  MailId id;
  std::string lease, client;
  unsigned tries = 0;
  Timer again;
  std::shared_ptr<Settlement> own;  // while the timer runs
};

}  // namespace

void settle_claim(Response& response, event_base* base, const ClaimStore& store,
                  std::string mailbox, MailId id, std::string lease, std::string client) {
  auto settlement = std::make_shared<Settlement>(base, store, std::move(mailbox), id,
                                                 std::move(lease), std::move(client));
  response.send_limit = kClaimSendLimit;
  response.receipt =
      std::make_shared<Receipt>([settlement](bool sent) { settlement->settle(sent); });
}

}  // namespace restante::apid
