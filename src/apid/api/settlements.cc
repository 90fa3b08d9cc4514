// SPDX-License-Identifier: ISC
#include "apid/api/settlements.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "shared/log/log.h"
#include "shared/net/event_loop.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

// Below the lease (store/claims.h): when another client may claim the mail, this response has been
// sent or cut.
constexpr milliseconds kSendLimit{20'000};
constexpr milliseconds kRetry{100};
constexpr unsigned kTries = 300;  // 30 s, the lease

}  // namespace

// One mail, from its claim until Redis has confirmed the outcome.
struct Settlements::Settlement : std::enable_shared_from_this<Settlements::Settlement> {
  Settlement(Settlements& all, std::string its_mailbox, store::MailId its_id, std::string its_lease,
             std::string its_client)
      : owner(all),
        mailbox(std::move(its_mailbox)),
        id(its_id),
        lease(std::move(its_lease)),
        client(std::move(its_client)),
        retry(owner.base_, [this] { settle(); }) {}

  void settle() {
    const auto call = was_sent ? &store::Claims::acknowledge : &store::Claims::release;
    (owner.claims_.*call)(mailbox, id, lease, [weak = weak_from_this()](Result<bool> done) {
      if (const auto self = weak.lock()) self->settled(done);
    });
  }

  void settled(const Result<bool>& done) {
    if (!done && ++tries < kTries) return retry.start(kRetry);
    if (was_sent && done.value_or(false)) owner.counters_.add(memory::Count::kMailsClaimed);
    if (was_sent && !done) log_as("claim_not_taken");
    if (was_sent && done) log_as(*done ? "mail_claimed" : "claim_overdue");
    owner.forget(position);
  }

  void log_as(std::string_view event) const {
    const auto line = event == "mail_claimed" ? log::info : log::warning;
    line(event, {{"mailbox", mailbox}, {"id", id.text()}, {"ip", client}});
  }

  Settlements& owner;
  std::string mailbox;
  store::MailId id;
  std::string lease, client;
  bool was_sent = false;
  unsigned tries = 0;
  net::Timer retry;
  Open::iterator position;
};

Settlements::Settlements(event_base* base, store::Claims& claims, memory::Counters counters)
    : base_(base), claims_(claims), counters_(std::move(counters)) {}

Settlements::~Settlements() = default;

void Settlements::settle_when_sent(Response& response, std::string mailbox, store::MailId id,
                                   std::string lease, std::string client) {
  const auto settlement = std::make_shared<Settlement>(*this, std::move(mailbox), id,
                                                       std::move(lease), std::move(client));
  settlement->position = open_.insert(open_.end(), settlement);
  response.send_limit = kSendLimit;
  response.receipt = std::make_shared<Receipt>([weak = std::weak_ptr(settlement)](bool sent) {
    const auto self = weak.lock();
    if (!self) return;
    self->was_sent = sent;
    self->settle();
  });
}

void Settlements::when_settled(std::function<void()> settled) {
  if (open_.empty()) return settled();
  settled_ = std::move(settled);
}

void Settlements::forget(Open::iterator settlement) {
  open_.erase(settlement);
  if (open_.empty() && settled_) std::exchange(settled_, nullptr)();
}

}  // namespace restante::apid
