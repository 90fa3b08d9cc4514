// SPDX-License-Identifier: ISC
#include "apid/api/event_handlers.h"

#include <chrono>
#include <utility>

#include "apid/api/list_query.h"
#include "apid/api/mail_json.h"
#include "apid/api/path_arguments.h"
#include "apid/api/services.h"
#include "shared/mail/mailbox_name.h"
#include "shared/net/event_loop.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBatch = 100;             // events of one list
constexpr std::size_t kBatchBytes = 64 * 1024;  // … unless the first is larger
// Without traffic proxies close the connection, and a lost client is not noticed.
constexpr milliseconds kHeartbeat{15'000};
constexpr milliseconds kRetryAfterFailure{100};         // while Redis is away
constexpr std::string_view kFirst = "retry: 1000\n\n";  // ms until a client connects again
constexpr std::string_view kAlive = ": keep-alive\n\n";

Response stream_response(const std::shared_ptr<EventStream>& stream) {
  return {.status = 200,
          .headers = {{"Content-Type", "text/event-stream; charset=utf-8"},
                      {"Cache-Control", "no-store"},
                      {"X-Accel-Buffering", "no"},  // nginx would collect events first
                      {"X-Content-Type-Options", "nosniff"}},
          .body = {},
          .stream = stream,
          .receipt = std::make_shared<Receipt>([stream](bool) { stream->end(); })};
}

std::string event_of(const store::ListedMail& mail) {
  std::string text = "id: " + mail.id.text() + "\nevent: mail\ndata: ";
  append_listed_mail(text, mail, /*with_bodies=*/false);
  text += "\n\n";
  return text;
}

// One client. It lives until its stream ends.
struct Feed : std::enable_shared_from_this<Feed> {
  Feed(Services& its_services, std::string its_mailbox, store::ListQuery wanted,
       std::shared_ptr<void> its_reservation)
      : services(its_services),
        mailbox(std::move(its_mailbox)),
        query(std::move(wanted)),
        reservation(std::move(its_reservation)),
        alive(services.base, [this] { beat(); }),
        again(services.base, [this] { list(); }) {}

  // Not for a client that does not read: its connection times out.
  void beat() {
    if (stream->is_empty() && !stream->write(kAlive)) return;
    alive.start(kHeartbeat);
  }

  // Waits until the client has read the events that there are.
  void list() {
    if (stream->has_ended()) return;
    changed = true;
    if (listing || !stream->is_empty()) return;
    listing = true;
    changed = false;
    services.reader.list(mailbox, query, [self = shared_from_this()](Result<store::Page> page) {
      self->listed(std::move(page));
    });
  }

  void listed(Result<store::Page> page) {
    listing = false;
    if (stream->has_ended()) return;
    if (!page) return again.start(kRetryAfterFailure);
    for (const store::ListedMail& mail : page->mails) {
      if (!stream->write(event_of(mail))) return;
    }
    if (page->newest) query.after = page->newest;
    if (page->next || changed) list();
  }

  void drained() {
    if (changed) again.start(milliseconds{0});
  }

  void end() {
    alive.stop();
    again.stop();
    watching.reset();
    reservation.reset();
    own.reset();
  }

  Services& services;
  std::string mailbox;
  store::ListQuery query;
  std::shared_ptr<void> reservation;
  std::shared_ptr<EventStream> stream = std::make_shared<EventStream>();
  std::shared_ptr<void> watching;
  net::Timer alive, again;
  bool listing = false, changed = false;
  std::shared_ptr<Feed> own;  // until the stream ends
};

void begin(const std::shared_ptr<Feed>& feed, const Responder& respond) {
  feed->own = feed;
  feed->query.limit = kBatch;
  feed->query.page_bytes = kBatchBytes;
  feed->query.oldest_first = true;
  feed->stream->when_ended([weak = std::weak_ptr(feed)] {
    if (const auto ended = weak.lock()) ended->end();
  });
  feed->stream->when_drained([weak = std::weak_ptr(feed)] {
    if (const auto read = weak.lock()) read->drained();
  });
  feed->watching = feed->services.watch.watch(feed->mailbox, [weak = std::weak_ptr(feed)] {
    if (const auto changed = weak.lock()) changed->list();
  });
  feed->alive.start(kHeartbeat);
  feed->stream->write(kFirst);
  respond(stream_response(feed->stream));
  feed->list();
}

}  // namespace

void stream_events(Services& services, const Request& request, const RouteMatch& match,
                   const Responder& respond) {
  const auto mailbox = parse_user(services.config, match.user);
  if (!mailbox) return respond(mailbox.error());
  auto wanted = parse_list_request(request.query, QueryFor::kEvents);
  if (!wanted) return respond(error_response(400, wanted.error()));
  if (const std::string_view last = request.field("last-event-id"); !last.empty()) {
    wanted->query.after = store::MailId::parse(last);
    if (!wanted->query.after) {
      return respond(error_response(400, "Last-Event-ID must be the id of a mail: 19 digits"));
    }
  }
  auto reservation = services.waits.reserve(request.api_key, memory::Count::kApiStreams);
  if (!reservation) return respond(std::move(reservation).error());
  const auto feed = std::make_shared<Feed>(services, mail::mailbox_key(*mailbox),
                                           std::move(wanted->query), *std::move(reservation));
  if (feed->query.after) return begin(feed, respond);
  // The feed begins behind the newest mail, in an empty mailbox at the start.
  const store::ListQuery newest{.limit = 1, .with_bodies = false};
  services.reader.list(feed->mailbox, newest, [feed, respond](Result<store::Page> page) {
    if (!page) return respond(store_away());
    feed->query.after = page->mails.empty() ? store::MailId{} : page->mails.front().id;
    begin(feed, respond);
  });
}

}  // namespace restante::apid
