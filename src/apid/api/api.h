// SPDX-License-Identifier: ISC
// The API: a request in, an answer out; pure but for the mailboxes that it is given.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apid/api/settlements.h"
#include "apid/http/compression.h"
#include "apid/http/cors.h"
#include "apid/http/message.h"
#include "apid/api/authenticator.h"
#include "apid/api/list_query.h"
#include "apid/api/raw_mail.h"
#include "apid/api/router.h"
#include "apid/api/waits.h"
#include "shared/config/config.h"
#include "shared/base/error.h"
#include "shared/store/mail_store.h"
#include "shared/parser/client.h"
#include "shared/memory/rate_table.h"
#include "shared/memory/scoreboard.h"

namespace restante::apid {

// What the API asks of a MailStore. Names are mailbox keys (shared/address.h).
struct Mailboxes {
  std::function<void(std::string_view, const ListQuery&, std::function<void(Result<Page>)>)> list;
  std::function<void(std::string_view, std::function<void(Result<void>)>)> clear;
  std::function<void(std::string_view, std::optional<MailId>,
                     std::function<void(Result<std::optional<StoredMail>>)>)>
      get;
  std::function<void(std::string_view, std::optional<MailId>, MailStore::TakePiece,
                     std::function<void(Result<bool>)>)>
      get_raw;
  std::function<void(std::string_view, MailId, std::function<void(Result<bool>)>)> remove;
  std::function<void(std::function<void(Result<void>)>)> ping;
  ClaimStore claims;  // the Api takes it out
  WatchMailbox watch;
  // Of a MimeClient: the file is a raw mail.
  std::function<void(const FileBody&, std::uint64_t number, MimeClient::ExtractDone)> extract;
};

// Where the API counts, and what it tells of all that is counted (metrics.h).
struct Counting {
  Tally tally = {};
  std::function<std::string()> metrics = {};
};

// Answers every request but OPTIONS, checking in this order: rate limit and key (unless the route
// has none), path, method, arguments.
class Api {
 public:
  // `config` and `base` outlive the object.
  Api(const Config& config, Mailboxes mailboxes, RateTable rates, event_base* base,
      Counting counting = {});

  // `now` is of the clock that the rate table wants (monotonic_now).
  void handle(const Request& request, std::chrono::milliseconds now, const Responder& respond);

  // See Claims::when_settled.
  void when_settled(std::function<void()> settled) { claims_.when_settled(std::move(settled)); }

 private:
  // The same, with what every answer gets.
  [[nodiscard]] Responder finishing(const Request& request, const Responder& respond) const;
  void dispatch(const Request& request, const Route& route, std::chrono::milliseconds now,
                const Responder& respond);
  [[nodiscard]] Response metrics_response() const;
  void tell_readiness(const Responder& respond);
  void list_mails(const Request& request, std::string_view user, const Responder& respond);
  void clear_mailbox(const Request& request, std::string_view user, const Responder& respond);
  void get_mail(const Request& request, const RouteMatch& match, const Responder& respond);
  void get_raw(const Request& request, const RouteMatch& match, const Responder& respond);
  void claim_mail(const Request& request, std::string_view user, const Responder& respond);
  void stream_events(const Request& request, std::string_view user, const Responder& respond);
  void get_attachment(const Request& request, const RouteMatch& match, const Responder& respond);
  void delete_mail(const Request& request, const RouteMatch& match, const Responder& respond);
  // The mailbox key and the mail that a request is about, or the answer to give instead.
  struct OneMail {
    std::string mailbox;
    std::optional<MailId> id;           // the latest one without it
    std::optional<ListRequest> wanted;  // the latest one that fits
  };
  [[nodiscard]] std::expected<OneMail, Response> mail_of(const Request& request,
                                                         const RouteMatch& match) const;
  // Goes on with the mail's id, or with nothing for the latest one of all; or answers.
  using WithMail = std::function<void(const std::string& mailbox, std::optional<MailId>,
                                      const Responder& respond)>;
  void find_mail(const Request& request, const RouteMatch& match, const Responder& respond,
                 WithMail then);
  // Looks once, or for as long as the request wants to wait; `otherwise` is what is answered if
  // nothing is found.
  void look(const Request& request, const std::string& mailbox, std::chrono::milliseconds wait,
            Waits::Look look, Response (*otherwise)(), const Responder& respond);
  // Goes on with the mail when all its pieces are there, be they sound or not; or answers.
  using WithRaw = std::function<void(RawReader&, const Responder& respond)>;
  void read_raw(const Request& request, const RouteMatch& match, const Responder& respond,
                RawReader::Into into, WithRaw then);
  // The mailbox that USER names, or the answer to give instead.
  [[nodiscard]] std::expected<std::string, Response> mailbox_of(std::string_view user) const;

  const Config& config_;
  Mailboxes mailboxes_;
  RateTable rates_;
  Counting counting_;
  KeyGuard guard_;
  // Shared: a late answer may come after this object's end.
  std::shared_ptr<const Cors> cors_;
  std::shared_ptr<Gzip> gzip_;
  event_base* base_;
  DownloadRoom room_;
  Claims claims_;
  Waits waits_;
};

}  // namespace restante::apid
