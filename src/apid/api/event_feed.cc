// SPDX-License-Identifier: ISC
// Server-sent events: from the mail that the client has to the newest one, again at each change.
#include "apid/api/event_feed.h"

#include <chrono>
#include <utility>

#include "apid/api/mail_json.h"
#include "shared/net/event_loop.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBatch = 100;             // events that are read at once
constexpr std::size_t kBatchBytes = 64 * 1024;  // … as far as one is not larger
constexpr milliseconds kHeartbeat{
    15'000};  // so that proxies keep the connection, and its end shows
constexpr milliseconds kAfterFailure{100};              // Redis is away
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

std::string event_of(const ListedMail& mail) {
  std::string text = "id: " + mail.id.text() + "\nevent: mail\ndata: ";
  append_listed_mail(text, mail, /*with_bodies=*/false);
  text += "\n\n";
  return text;
}

// One client. It lives until its stream ends.
struct Feed : std::enable_shared_from_this<Feed> {
  Feed(event_base* base, ListMailbox lister, FeedRequest wanted)
      : list(std::move(lister)),
        request(std::move(wanted)),
        alive(base, [this] { beat(); }),
        again(base, [this] { look(); }) {}

  // A client that does not read is not kept by it.
  void beat() {
    if (stream->is_empty() && !stream->write(kAlive)) return;
    alive.start(kHeartbeat);
  }

  // Reads no faster than the client does: what has been read already goes first.
  void look() {
    if (stream->has_ended()) return;
    changed = true;
    if (looking || !stream->is_empty()) return;
    looking = true;
    changed = false;
    list(request.mailbox, request.query,
         [self = shared_from_this()](Result<Page> page) { self->looked(std::move(page)); });
  }

  void looked(Result<Page> page) {
    looking = false;
    if (stream->has_ended()) return;
    if (!page) return again.start(kAfterFailure);
    for (const ListedMail& mail : page->mails) {
      if (!stream->write(event_of(mail))) return;
    }
    if (page->newest) request.query.after = page->newest;
    if (page->next || changed) look();
  }

  void drained() {
    if (changed) again.start(milliseconds{0});
  }

  void end() {
    alive.stop();
    again.stop();
    watch.reset();
    request.place.reset();
    own.reset();
  }

  ListMailbox list;
  FeedRequest request;
  std::shared_ptr<EventStream> stream = std::make_shared<EventStream>();
  std::shared_ptr<void> watch;
  Timer alive, again;
  bool looking = false, changed = false;
  std::shared_ptr<Feed> own;  // until the stream ends
};

void begin(const std::shared_ptr<Feed>& feed, const WatchMailbox& watch, const Responder& respond) {
  feed->own = feed;
  feed->request.query.limit = kBatch;
  feed->request.query.page_bytes = kBatchBytes;
  feed->request.query.oldest_first = true;
  feed->stream->when_ended([weak = std::weak_ptr(feed)] {
    if (const auto ended = weak.lock()) ended->end();
  });
  feed->stream->when_drained([weak = std::weak_ptr(feed)] {
    if (const auto read = weak.lock()) read->drained();
  });
  feed->watch = watch(feed->request.mailbox, [weak = std::weak_ptr(feed)] {
    if (const auto told = weak.lock()) told->look();
  });
  feed->alive.start(kHeartbeat);
  feed->stream->write(kFirst);
  respond(stream_response(feed->stream));
  feed->look();
}

}  // namespace

void start_feed(event_base* base, const WatchMailbox& watch, const ListMailbox& list,
                FeedRequest request, const Responder& respond) {
  auto feed = std::make_shared<Feed>(base, list, std::move(request));
  if (feed->request.query.after) return begin(feed, watch, respond);
  // The newest mail is where it begins; in an empty mailbox that is the first one to come.
  const ListQuery newest{.limit = 1, .with_bodies = false};
  list(feed->request.mailbox, newest, [feed, watch, respond](Result<Page> page) {
    if (!page) return respond(store_away());
    feed->request.query.after = page->mails.empty() ? MailId{} : page->mails.front().id;
    begin(feed, watch, respond);
  });
}

}  // namespace restante::apid
