// SPDX-License-Identifier: ISC
// A claimed mail on its way to a client: taken once it was sent, given back if it was not.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "apid/http.h"
#include "shared/error.h"
#include "shared/mail_store.h"

struct event_base;

namespace restante::apid {

// What a claim asks of a MailStore.
struct ClaimStore {
  std::function<void(std::string_view, const ListQuery&, std::function<void(Result<Claim>)>)> claim;
  std::function<void(std::string_view, const MailId&, std::string_view,
                     std::function<void(Result<bool>)>)>
      take;
  std::function<void(std::string_view, const MailId&, std::string_view)> give_back;
};

// Makes `response` the answer that takes the mail `id` out of `mailbox` when it has been sent as a
// whole, with a line in the log that says to whom, and gives it back else. While Redis is away the
// mail is tried to be taken again, for as long as the lease may last.
void settle_claim(Response& response, event_base* base, const ClaimStore& store,
                  std::string mailbox, MailId id, std::string lease, std::string client);

}  // namespace restante::apid
