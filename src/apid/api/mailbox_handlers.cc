// SPDX-License-Identifier: ISC
#include "apid/api/mailbox_handlers.h"

#include <fmt/core.h>

#include <memory>
#include <utility>

#include "apid/api/list_query.h"
#include "apid/api/mail_json.h"
#include "apid/api/path_arguments.h"
#include "apid/api/services.h"
#include "shared/mail/mailbox_name.h"

namespace restante::apid {
namespace {

Response empty_page() { return json_response(200, page_json({}, /*with_bodies=*/true)); }

}  // namespace

void list_mails(Services& services, const Request& request, const RouteMatch& match,
                const Responder& respond) {
  const auto mailbox = parse_user(services.config, match.user);
  if (!mailbox) return respond(mailbox.error());
  auto wanted = parse_list_request(request.query);
  if (!wanted) return respond(error_response(400, wanted.error()));
  wanted->query.page_bytes = services.config.page_size_limit;
  const std::string key = mail::mailbox_key(*mailbox);
  const auto answer = [wanted = *wanted, path = request.path](const store::Page& page) {
    Response response = json_response(200, page_json(page, wanted.query.with_bodies));
    if (page.next) {
      response.headers.emplace_back("Link", next_link(path, wanted, *page.next));
    }
    return response;
  };
  // Mail that does not fit once never fits: the next attempt begins behind it.
  auto attempt = [&services, key, answer, waits = wanted->wait.count() > 0,
                  query = std::make_shared<store::ListQuery>(wanted->query)](auto done) {
    services.reader.list(key, *query, [=](Result<store::Page> page) {
      if (!page) return done({.response = store_away(), .failed = true});
      if (page->newest) query->after = page->newest;
      if (page->mails.empty() && (waits || !page->next)) return done({});
      done({.response = answer(*page)});
    });
  };
  services.waits.start({.mailbox = key,
                        .api_key = request.api_key,
                        .time = wanted->wait,
                        .attempt = std::move(attempt),
                        .otherwise = empty_page},
                       respond);
}

void clear_mailbox(Services& services, const Request& request, const RouteMatch& match,
                   const Responder& respond) {
  const auto mailbox = parse_user(services.config, match.user);
  if (!mailbox) return respond(mailbox.error());
  if (!request.query.empty()) {
    return respond(error_response(400, "DELETE takes no query parameters"));
  }
  services.reader.clear(
      mail::mailbox_key(*mailbox), [respond, name = *mailbox](Result<std::uint64_t> cleared) {
        if (!cleared) return respond(store_away());
        respond(message_response(fmt::format("All messages for {} have been cleared", name)));
      });
}

}  // namespace restante::apid
