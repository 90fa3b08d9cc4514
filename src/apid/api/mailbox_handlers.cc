// SPDX-License-Identifier: ISC
// The routes that are about a mailbox: list, clear, claim, events.
#include <fmt/core.h>

#include <memory>
#include <utility>

#include "apid/api/event_feed.h"
#include "apid/api/api.h"
#include "apid/api/mail_json.h"
#include "shared/mail/mailbox_name.h"

namespace restante::apid {

namespace {

Response empty_page() { return json_response(200, page_json({}, /*with_bodies=*/true)); }

}  // namespace

void Api::look(const Request& request, const std::string& mailbox, std::chrono::milliseconds wait,
               Waits::Look look, Response (*otherwise)(), const Responder& respond) {
  if (wait.count() == 0) {
    return look([respond, otherwise](Waits::Looked looked) {
      respond(looked.response ? *std::move(looked.response) : otherwise());
    });
  }
  waits_.start({.mailbox = mailbox,
                .api_key = request.api_key,
                .time = wait,
                .look = std::move(look),
                .otherwise = otherwise()},
               respond);
}

void Api::list_mails(const Request& request, std::string_view user, const Responder& respond) {
  const auto mailbox = mailbox_of(user);
  if (!mailbox) return respond(mailbox.error());
  auto wanted = parse_list_request(request.query);
  if (!wanted) return respond(error_response(400, wanted.error()));
  wanted->query.page_bytes = config_.page_size_limit;
  const std::string key = mailbox_key(*mailbox);
  const auto answer = [wanted = *wanted, path = request.path](const Page& page) {
    Response response = json_response(200, page_json(page, wanted.query.with_bodies));
    if (page.next) {
      response.headers.emplace_back("Link", next_link(path, wanted, *page.next));
    }
    return response;
  };
  // What did not fit once does not fit later: a next look begins behind it.
  const auto list = [this, key, answer, waits = wanted->wait.count() > 0,
                     query = std::make_shared<ListQuery>(wanted->query)](auto found) {
    mailboxes_.list(key, *query, [=](Result<Page> page) {
      if (!page) return found({.response = store_away(), .failed = true});
      if (page->newest) query->after = page->newest;
      if (page->mails.empty() && (waits || !page->next)) return found({});
      found({.response = answer(*page)});
    });
  };
  look(request, key, wanted->wait, list, empty_page, respond);
}

void Api::clear_mailbox(const Request& request, std::string_view user, const Responder& respond) {
  const auto mailbox = mailbox_of(user);
  if (!mailbox) return respond(mailbox.error());
  if (!request.query.empty()) {
    // Whoever writes ?before=… here expects less to be deleted than would be.
    return respond(error_response(400, "DELETE takes no query parameters"));
  }
  mailboxes_.clear(mailbox_key(*mailbox), [respond, name = *mailbox](Result<void> cleared) {
    if (!cleared) return respond(store_away());
    respond(message_response(fmt::format("All messages for {} have been cleared", name)));
  });
}

void Api::claim_mail(const Request& request, std::string_view user, const Responder& respond) {
  const auto mailbox = mailbox_of(user);
  if (!mailbox) return respond(mailbox.error());
  if (request.has_body) return respond(error_response(400, "a claim takes no body"));
  const auto wanted = parse_list_request(request.query, QueryFor::kOne);
  if (!wanted) return respond(error_response(400, wanted.error()));
  respond.hold({}, [] {});  // so that it shows when the client leaves
  const std::string key = mailbox_key(*mailbox);
  // What did not fit once does not fit later, but what others have may come back.
  const auto claim = [this, key, query = std::make_shared<ListQuery>(wanted->query),
                      client = request.client.text](auto found) {
    claims_.store().claim(key, *query, [=, this](Result<Claim> given) {
      if (!given) return found({.response = store_away(), .failed = true});
      if (given->none_until) query->after = given->none_until;
      if (!given->claimed) return found({.again_in = given->free_in});
      Response response = json_response(200, mail_json(given->claimed->mail));
      claims_.settle_by(response, key, given->claimed->mail.id, given->claimed->lease, client);
      found({.response = std::move(response)});
    });
  };
  look(request, key, wanted->wait, claim, no_such_message, respond);
}

void Api::stream_events(const Request& request, std::string_view user, const Responder& respond) {
  const auto mailbox = mailbox_of(user);
  if (!mailbox) return respond(mailbox.error());
  auto wanted = parse_list_request(request.query, QueryFor::kEvents);
  if (!wanted) return respond(error_response(400, wanted.error()));
  if (const std::string_view last = request.field("last-event-id"); !last.empty()) {
    wanted->query.after = MailId::parse(last);
    if (!wanted->query.after) {
      return respond(error_response(400, "Last-Event-ID must be the id of a mail: 19 digits"));
    }
  }
  auto place = waits_.take_place(request.api_key, Count::kApiStreams);
  if (!place) return respond(std::move(place).error());
  start_feed(base_, mailboxes_.watch, mailboxes_.list,
             {.mailbox = mailbox_key(*mailbox),
              .query = std::move(wanted->query),
              .place = *std::move(place)},
             respond);
}

}  // namespace restante::apid
