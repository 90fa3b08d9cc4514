// SPDX-License-Identifier: ISC
// Mailboxes in Redis: the keys, the scripts, and what comes back.
#include "shared/store/mail_store.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>

#include "shared/store/entry.h"
#include "shared/store/scripts.h"

namespace restante {
namespace {

// A mail that is larger is not in its entry: of the former all that a list reads of it is copied.
constexpr std::size_t kSmallBodies = 16 * 1024, kSmallFrame = 8 * 1024;
constexpr std::size_t kEntry = kSmallBodies + kSmallFrame + 1024;  // bytes of a mail in a list
constexpr std::size_t kDetails = 64 * 1024;                        // … what details are reckoned as
// Bytes that are on their way to one worker, beside what one alone has asked for.
constexpr std::uint64_t kListsAtOnce = 64 * 1024 * 1024, kBodiesAtOnce = 64 * 1024 * 1024;
// What one list that leaves mail out reads of a mailbox, and at a time.
constexpr std::size_t kScanLimit = 10'000, kScanBatch = 100;

// Mails that one call of the script removes, to keep Redis responsive.
constexpr std::string_view kClearBatch = "500";

// The end of a range that leaves `id` out. Redis takes "(0-0" for an error; there is no mail 0-0.
std::string newest_before(MailId id) { return (id == MailId{} ? "" : "(") + id.stream_id(); }

std::string oldest_id(std::chrono::milliseconds retention) {
  return oldest_mail(retention).stream_id();
}

// A page under construction: a batch of the stream, or several when not every mail fits; then the
// large bodies.
struct Listing {
  Redis& redis;
  RecentHeads& heads;
  ReadBudget& bodies;
  std::string mailbox, inbox;  // key of the mailbox, and of its stream
  std::string newest, oldest;  // the range of ids that is left to look at
  ListQuery query;
  std::function<void(Result<Page>)> done;

  Page page;
  std::vector<std::size_t> large;  // places in the page
  std::uint64_t large_bytes = 0;
  ReadBudget::Place room;  // for what the stream gives, for as long as this is there
  std::size_t bytes = 0, looked_at = 0, missing = 0;
  std::optional<Error> error;

  // One more than asked for tells whether there is another page.
  [[nodiscard]] std::size_t batch() const { return query.fits ? kScanBatch : query.limit + 1; }
  static void read(const std::shared_ptr<Listing>& work);
  static void fetch_bodies(const std::shared_ptr<Listing>& work);
  bool add(const Entry& entry);
  bool end_page();
  void finish_one();
};

void Listing::read(const std::shared_ptr<Listing>& work) {
  const bool rising = work->query.oldest_first;
  work->redis.command(
      {rising ? "XRANGE" : "XREVRANGE", work->inbox, rising ? work->oldest : work->newest,
       rising ? work->newest : work->oldest, "COUNT", fmt::format("{}", work->batch())},
      [work](Result<RedisReply> reply) {
        if (!reply) return work->done(std::unexpected(reply.error()));
        std::optional<MailId> last;
        for (std::size_t i = 0; i < reply->size(); ++i) {
          const auto entry = read_entry(reply->at(i));
          if (!entry) continue;
          const bool fits = !work->query.fits || work->query.fits(entry->summary);
          if (fits && !work->add(*entry)) return fetch_bodies(work);
          last = entry->id;
          work->page.newest = std::max(work->page.newest, last);
        }
        work->looked_at += reply->size();
        if (!work->query.fits || !last || reply->size() < kScanBatch) return fetch_bodies(work);
        if (work->looked_at >= kScanLimit) {
          work->page.next = last;
          return fetch_bodies(work);
        }
        (work->query.oldest_first ? work->oldest : work->newest) = "(" + last->stream_id();
        read(work);
      });
}

// False when the page is full without it.
bool Listing::add(const Entry& entry) {
  if (page.mails.size() == query.limit) return end_page();
  std::string text;
  if (query.with_bodies && !entry.large_size) text = heads.read(entry.frame).bodies;
  bytes += entry.summary.size() + text.size();
  if (query.with_bodies) bytes += entry.large_size.value_or(0);
  if (bytes > query.page_bytes && !page.mails.empty()) return end_page();
  if (query.with_bodies && entry.large_size) {
    large.push_back(page.mails.size());
    large_bytes += *entry.large_size;
  }
  page.mails.push_back(
      {.id = entry.id, .summary = std::string(entry.summary), .bodies = std::move(text)});
  return true;
}

bool Listing::end_page() {
  page.next = page.mails.back().id;
  return false;
}

void Listing::fetch_bodies(const std::shared_ptr<Listing>& work) {
  work->missing = work->large.size() + 1;
  if (work->large.empty()) return work->finish_one();
  work->bodies.take(work->large_bytes, [work](const ReadBudget::Place& room) {
    for (const std::size_t place : work->large) {
      const std::string key = mail_key(work->mailbox, work->page.mails[place].id);
      work->redis.command({"HGET", key, "z"}, [work, room, place](Result<RedisReply> frame) {
        if (!frame) {
          work->error = frame.error();
        } else if (frame->is_text()) {
          work->page.mails[place].bodies = work->heads.read(frame->text()).bodies;
        }
        work->finish_one();
      });
    }
    work->finish_one();
  });
}

void Listing::finish_one() {
  if (--missing != 0) return;
  if (error) return done(std::unexpected(*error));
  // A mail whose bodies expired between the two reads has reached its age: it is gone.
  if (query.with_bodies) {
    std::erase_if(page.mails, [](const ListedMail& mail) { return mail.bodies.empty(); });
  }
  done(std::move(page));
}

}  // namespace

MailStore::MailStore(event_base* base, Redis& redis, std::chrono::milliseconds retention)
    : redis_(redis),
      retention_(retention),
      heads_(base),
      lists_(kListsAtOnce),
      bodies_(kBodiesAtOnce) {}

bool MailStore::available() const { return redis_.available(); }

void MailStore::ping(std::function<void(Result<void>)> done) {
  redis_.command({"PING"}, [done = std::move(done)](Result<RedisReply> reply) {
    if (!reply) return done(std::unexpected(reply.error()));
    done({});
  });
}

void MailStore::put(const NewMail& mail, std::function<void(Result<MailId>)> done) {
  const std::string inbox = inbox_key(mail.mailbox);
  const std::string seen = seen_key(mail.mailbox, mail.fingerprint);
  const std::string prefix = mail_prefix(mail.mailbox);
  const std::string retention = fmt::format("{}", retention_.count());
  const std::array<std::string_view, 2> keys = {inbox, seen};
  const auto& [frame, head, bodies] = mail.frame;
  const std::string bodies_size = fmt::format("{}", bodies);
  std::vector<std::string_view> arguments = {retention, mail.summary};
  if (bodies <= kSmallBodies && frame.size() <= kSmallFrame) {
    arguments.push_back(frame);
  } else {
    arguments.insert(arguments.end(),
                     {prefix, bodies_size, std::string_view(frame).substr(0, head)});
    for (std::size_t at = head; at < frame.size(); at += kFramePiece) {
      arguments.push_back(std::string_view(frame).substr(at, kFramePiece));
    }
  }
  redis_.run_script(put_script(), std::span(keys).first(mail.fingerprint.empty() ? 1 : 2),
                    arguments, [this, done = std::move(done)](Result<RedisReply> reply) {
                      if (!reply) return done(std::unexpected(reply.error()));
                      const auto id = MailId::from_stream(reply->text());
                      if (!id)
                        return done(fail(ErrorKind::kUnavailable, "Redis gave no id for a mail"));
                      redis_.note_works();
                      done(*id);
                    });
}

void MailStore::forget(std::string_view mailbox, std::string_view fingerprint) {
  redis_.command({"UNLINK", seen_key(mailbox, fingerprint)}, [](Result<RedisReply>) {});
}

std::string MailStore::oldest_of(const ListQuery& query) const {
  MailId oldest = oldest_mail(retention_);
  if (query.since) {
    const auto since = std::chrono::milliseconds(*query.since).count();
    oldest = std::max(oldest, MailId{static_cast<std::uint64_t>(since), 0});
  }
  const bool is_after = query.after && *query.after >= oldest;
  return is_after ? "(" + query.after->stream_id() : oldest.stream_id();
}

void MailStore::list(std::string_view mailbox, const ListQuery& query,
                     std::function<void(Result<Page>)> done) {
  const auto work =
      std::make_shared<Listing>(Listing{.redis = redis_,
                                        .heads = heads_,
                                        .bodies = bodies_,
                                        .mailbox = std::string(mailbox),
                                        .inbox = inbox_key(mailbox),
                                        .newest = query.before ? newest_before(*query.before) : "+",
                                        .oldest = oldest_of(query),
                                        .query = query,
                                        .done = std::move(done),
                                        .page = {},
                                        .large = {},
                                        .room = {},
                                        .error = {}});
  lists_.take(std::max(work->batch(), query.limit) * kEntry, [work](ReadBudget::Place room) {
    work->room = std::move(room);
    Listing::read(work);
  });
}

void MailStore::find(std::string_view mailbox, std::optional<MailId> id,
                     std::function<void(Result<std::optional<Found>>)> done) {
  const std::string newest = id ? id->stream_id() : "+";
  redis_.command(
      {"XREVRANGE", inbox_key(mailbox), newest, oldest_id(retention_), "COUNT", "1"},
      [id, mailbox = std::string(mailbox), done = std::move(done)](Result<RedisReply> reply) {
        if (!reply) return done(std::unexpected(reply.error()));
        const auto entry = reply->size() == 0 ? std::nullopt : read_entry(reply->at(0));
        if (!entry || (id && entry->id != *id)) return done(std::nullopt);
        done(Found{.id = entry->id,
                   .summary = std::string(entry->summary),
                   .frame = std::string(entry->frame),
                   .key = mail_key(mailbox, entry->id),
                   .large_size = entry->large_size});
      });
}

// A hash that expired between the two reads is of a mail that has reached its age.
void MailStore::get(std::string_view mailbox, std::optional<MailId> id,
                    std::function<void(Result<std::optional<StoredMail>>)> done) {
  find(mailbox, id, [this, done = std::move(done)](Result<std::optional<Found>> found) {
    if (!found) return done(std::unexpected(found.error()));
    if (!*found) return done(std::nullopt);
    const Found& mail = **found;
    if (!mail.large_size) return done(read_mail(heads_, mail.id, mail.summary, mail.frame));
    bodies_.take(*mail.large_size + kDetails, [this, mail, done](const ReadBudget::Place& room) {
      redis_.command({"HGET", mail.key, "z"}, [this, mail, done, room](Result<RedisReply> frame) {
        if (!frame) return done(std::unexpected(frame.error()));
        if (!frame->is_text()) return done(std::nullopt);
        done(read_mail(heads_, mail.id, mail.summary, frame->text()));
      });
    });
  });
}

void MailStore::clear(std::string_view mailbox, std::function<void(Result<void>)> done) {
  // Batches keep Redis responsive; the id of the first one's newest mail is the end for all.
  struct Clearing {
    MailStore& store;
    std::string inbox, prefix, last;
    std::function<void(Result<void>)> done;

    static void step(const std::shared_ptr<Clearing>& work) {
      const std::array<std::string_view, 1> keys = {work->inbox};
      const std::array<std::string_view, 3> arguments = {work->prefix, work->last, kClearBatch};
      work->store.redis_.run_script(clear_script(), keys, arguments,
                                    [work](Result<RedisReply> reply) {
                                      if (!reply) return work->done(std::unexpected(reply.error()));
                                      if (reply->is_nil()) return work->done({});
                                      work->last = reply->text();
                                      step(work);
                                    });
    }
  };
  Clearing::step(std::make_shared<Clearing>(
      Clearing{*this, inbox_key(mailbox), mail_prefix(mailbox), {}, std::move(done)}));
}

void MailStore::remove(std::string_view mailbox, MailId id,
                       std::function<void(Result<bool>)> done) {
  if (id < oldest_mail(retention_)) return done(false);  // as if Redis had freed it already
  remove_if(mailbox, id, {}, std::move(done));
}

void MailStore::remove_if(std::string_view mailbox, MailId id, std::string_view lease,
                          std::function<void(Result<bool>)> done) {
  const std::string inbox = inbox_key(mailbox);
  const std::string claimed = claimed_key(mailbox);
  const std::string prefix = mail_prefix(mailbox);
  const std::string stream_id = id.stream_id();
  const std::array<std::string_view, 2> keys = {inbox, claimed};
  const std::array<std::string_view, 3> arguments = {prefix, stream_id, lease};
  redis_.run_script(remove_script(), keys, std::span(arguments).first(lease.empty() ? 2 : 3),
                    [done = std::move(done)](Result<RedisReply> reply) {
                      if (!reply) return done(std::unexpected(reply.error()));
                      done(reply->integer() != 0);
                    });
}

}  // namespace restante
