// SPDX-License-Identifier: ISC
// Claimed mails on their way to clients: taken once they were sent, given back if they were not.
#include "apid/api/settlements.h"

#include <chrono>
#include <utility>

#include "shared/net/event_loop.h"
#include "shared/log/log.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

// Below the lease of src/shared/mail_claims.cc: an answer that is not sent by then is cut, so that
// nobody is still reading what another one may claim.
constexpr milliseconds kClaimSendLimit{20'000};
constexpr milliseconds kAgain{100};
constexpr unsigned kTries = 300;  // 30 s, the lease

}  // namespace

// One mail, from its claim until Redis knows what became of it.
struct Claims::Settlement : std::enable_shared_from_this<Claims::Settlement> {
  Settlement(Claims& owner, std::string its_mailbox, MailId its_id, std::string its_lease,
             std::string its_client)
      : claims(owner),
        mailbox(std::move(its_mailbox)),
        id(its_id),
        lease(std::move(its_lease)),
        client(std::move(its_client)),
        again(owner.base_, [this] { tell_store(); }) {}

  void settle(bool was_sent) {
    sent = was_sent;
    tell_store();
  }

  void tell_store() {
    const auto& ask = sent ? claims.store_.take : claims.store_.give_back;
    ask(mailbox, id, lease, [weak = weak_from_this()](Result<bool> done) {
      if (const auto self = weak.lock()) self->told(done);
    });
  }

  void told(const Result<bool>& done) {
    if (!done && ++tries < kTries) return again.start(kAgain);
    if (sent && !done) log_as("claim_not_taken");
    if (sent && done) log_as(*done ? "mail_claimed" : "claim_overdue");
    claims.forget(place);
  }

  void log_as(std::string_view event) const {
    const auto line = event == "mail_claimed" ? log::info : log::warning;
    line(event, {{"mailbox", mailbox}, {"id", id.text()}, {"ip", client}});
  }

  Claims& claims;
  std::string mailbox;
  MailId id;
  std::string lease, client;
  bool sent = false;
  unsigned tries = 0;
  Timer again;
  std::list<std::shared_ptr<Settlement>>::iterator place;
};

Claims::Claims(event_base* base, ClaimStore store) : base_(base), store_(std::move(store)) {}

Claims::~Claims() = default;

void Claims::settle_by(Response& response, std::string mailbox, MailId id, std::string lease,
                       std::string client) {
  const auto settlement = std::make_shared<Settlement>(*this, std::move(mailbox), id,
                                                       std::move(lease), std::move(client));
  settlement->place = open_.insert(open_.end(), settlement);
  response.send_limit = kClaimSendLimit;
  response.receipt = std::make_shared<Receipt>([weak = std::weak_ptr(settlement)](bool sent) {
    if (const auto self = weak.lock()) self->settle(sent);
  });
}

void Claims::when_settled(std::function<void()> settled) {
  if (open_.empty()) return settled();
  settled_ = std::move(settled);
}

void Claims::forget(std::list<std::shared_ptr<Settlement>>::iterator settlement) {
  open_.erase(settlement);
  if (open_.empty() && settled_) std::exchange(settled_, nullptr)();
}

}  // namespace restante::apid
