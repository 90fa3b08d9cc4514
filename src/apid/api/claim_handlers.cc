// SPDX-License-Identifier: ISC
#include "apid/api/claim_handlers.h"

#include <chrono>
#include <memory>
#include <utility>

#include "apid/api/list_query.h"
#include "apid/api/mail_json.h"
#include "apid/api/path_arguments.h"
#include "apid/api/services.h"
#include "shared/mail/mailbox_name.h"

namespace restante::apid {

namespace {

// A claim that waits looks at as many mails again after this time.
constexpr std::chrono::milliseconds kNextScan{1'000};

Response none_so_far(store::MailId last) {
  return refuse(404, "none of the first {} messages fits; go on with after={}", store::kScanLimit,
                last.text());
}

}  // namespace

void claim_mail(Services& services, const Request& request, const RouteMatch& match,
                const Responder& respond) {
  const auto mailbox = parse_user(services.config, match.user);
  if (!mailbox) return respond(mailbox.error());
  if (request.has_body)
    return respond(error_response(
        400, "a claim takes no body; write what it takes into the query, as in ?wait=30"));
  const auto wanted = parse_list_request(request.query, QueryFor::kOne);
  if (!wanted) return respond(error_response(400, wanted.error()));
  respond.hold({}, [] {});  // so that the server notices when the client disconnects
  const std::string key = mail::mailbox_key(*mailbox);
  // Mail that does not fit once never fits, but mail that others hold may be released.
  auto attempt = [&services, key, query = std::make_shared<store::ListQuery>(wanted->query),
                  client = request.client.text, waits = wanted->wait.count() > 0](auto done) {
    services.claims.claim(key, *query, [=, &services](Result<store::Claim> result) {
      if (!result) return done({.response = store_away(), .failed = true});
      if (result->none_until) query->after = result->none_until;
      if (!result->claimed && result->has_more && !waits)
        return done({.response = none_so_far(*result->none_until)});
      if (!result->claimed && result->has_more) return done({.retry_in = kNextScan});
      if (!result->claimed) return done({.retry_in = result->free_in});
      const auto& [mail, lease] = *result->claimed;
      Response response = json_response(200, mail_json(mail));
      services.settlements.settle_when_sent(response, key, mail.id, lease, client);
      done({.response = std::move(response)});
    });
  };
  services.waits.start({.mailbox = key,
                        .api_key = request.api_key,
                        .time = wanted->wait,
                        .attempt = std::move(attempt),
                        .otherwise = no_such_message},
                       respond);
}

}  // namespace restante::apid
