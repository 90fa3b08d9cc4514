// SPDX-License-Identifier: ISC
// Server-sent events (WHATWG HTML, section 9.2): a line of the list for each new mail of a mailbox.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apid/http/message.h"
#include "apid/api/waits.h"
#include "shared/base/error.h"
#include "shared/store/mail_store.h"

struct event_base;

namespace restante::apid {

using ListMailbox =
    std::function<void(std::string_view, const ListQuery&, std::function<void(Result<Page>)>)>;

struct FeedRequest {
  std::string mailbox;
  ListQuery query;              // with `after`: begins behind that mail, else with what comes
  std::shared_ptr<void> place;  // among those who wait, for as long as the client listens
};

// Answers with a stream of events until the client goes. An outage of Redis delays events and loses
// none. 503 when Redis is away at the start.
void start_feed(event_base* base, const WatchMailbox& watch, const ListMailbox& list,
                FeedRequest request, const Responder& respond);

}  // namespace restante::apid
