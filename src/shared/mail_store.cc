// SPDX-License-Identifier: ISC
// Mailboxes in Redis: the keys, the scripts, and what comes back.
#include "shared/mail_store.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>

#include "shared/mail_entry.h"

namespace restante {
namespace {

constexpr std::size_t kEntry = 17 * 1024;    // bytes of a mail in the stream, at the most
constexpr std::size_t kDetails = 64 * 1024;  // … and what its details are reckoned as
// Bytes that are on their way to one worker, beside what one alone has asked for.
constexpr std::uint64_t kListsAtOnce = 64 * 1024 * 1024, kBodiesAtOnce = 64 * 1024 * 1024;
constexpr std::size_t kInlineBodies = 16 * 1024;  // larger bodies live in the mail's hash
// What one list that leaves mail out reads of a mailbox, and at a time.
constexpr std::size_t kScanLimit = 10'000, kScanBatch = 100;

// One delivery. A fingerprint that is still there means that this delivery was stored and its
// sender not told: there is nothing to do again. Redis refuses the first command that writes when
// it is full, and none after it, so a script that fails has done nothing.
// KEYS inbox, mail, seen if there is a fingerprint; ARGV token, retention in ms, summary, bodies,
// first piece of raw, "1" if bodies are large, details, further pieces of raw
constexpr std::string_view kPut = R"(
local stored = KEYS[3] and redis.call('GET', KEYS[3])
if stored then return stored end
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[2]
redis.call('HSET', KEYS[2], 'r', ARGV[5], 'd', ARGV[7])
for i = 8, #ARGV do redis.call('HSET', KEYS[2], 'r' .. i - 7, ARGV[i]) end
local id
if ARGV[6] == '1' then
  redis.call('HSET', KEYS[2], 'b', ARGV[4])
  id = redis.call('XADD', KEYS[1], 'MINID', string.format('%.0f', oldest), '*', 't', ARGV[1], 's', ARGV[3], 'n', #ARGV[4])
else
  id = redis.call('XADD', KEYS[1], 'MINID', string.format('%.0f', oldest), '*', 't', ARGV[1], 's', ARGV[3], 'b', ARGV[4])
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if KEYS[3] then redis.call('SET', KEYS[3], id, 'EX', 3600) end
redis.call('PUBLISH', KEYS[1], id)
return id
)";

// Removes a batch of the oldest mails up to an id; says where to go on, or nothing.
// KEYS inbox; ARGV prefix of the mails' keys, last id or "" for the newest one, size of a batch
constexpr std::string_view kClear = R"(
local last = ARGV[2]
if last == '' then
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
  if #newest == 0 then return false end
  last = newest[1][1]
end
local batch = redis.call('XRANGE', KEYS[1], '-', last, 'COUNT', ARGV[3])
for _, entry in ipairs(batch) do
  redis.call('UNLINK', ARGV[1] .. entry[2][2])
  redis.call('XDEL', KEYS[1], entry[1])
end
if #batch == tonumber(ARGV[3]) then return last end
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('UNLINK', KEYS[1]) end
return false
)";
constexpr std::string_view kClearBatch = "500";

// Removes one mail, with a lease only if that is still the mail's; says how many that were. An
// inbox without mail is no key either. KEYS inbox, claimed; ARGV prefix of the mails' keys, id,
// lease or none
constexpr std::string_view kRemove = R"(
if ARGV[3] and redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then return 0 end
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if not entry then return 0 end
redis.call('UNLINK', ARGV[1] .. entry[2][2])
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[2])
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('UNLINK', KEYS[1]) end
return 1
)";

// The end of a range that leaves `id` out. Redis takes "(0-0" for an error; there is no mail 0-0.
std::string newest_before(MailId id) { return (id == MailId{} ? "" : "(") + id.stream_id(); }

std::string oldest_id(std::chrono::milliseconds retention) {
  return oldest_mail(retention).stream_id();
}

// A page under construction: a batch of the stream, or several when not every mail fits; then the
// large bodies.
struct Listing {
  Redis& redis;
  ReadBudget& bodies;
  std::string inbox, prefix;   // keys
  std::string newest, oldest;  // the range of ids that is left to look at
  ListQuery query;
  std::function<void(Result<Page>)> done;

  Page page;
  std::vector<std::pair<std::size_t, std::string>> large;  // place in the page, key
  std::uint64_t large_bytes = 0;
  ReadBudget::Place room;  // for what the stream gives, for as long as this is there
  std::size_t bytes = 0, looked_at = 0, missing = 0;
  std::optional<Error> error;

  // One more than asked for tells whether there is another page.
  [[nodiscard]] std::size_t batch() const { return query.fits ? kScanBatch : query.limit + 1; }
  static void read(const std::shared_ptr<Listing>& work);
  static void fetch_bodies(const std::shared_ptr<Listing>& work);
  bool add(const Entry& entry);
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
  bytes += entry.summary.size();
  if (query.with_bodies) bytes += entry.bodies.size() + entry.large_size;
  if (page.mails.size() == query.limit || (bytes > query.page_bytes && !page.mails.empty())) {
    page.next = page.mails.back().id;
    return false;
  }
  ListedMail mail{.id = entry.id, .summary = std::string(entry.summary), .bodies = {}};
  if (query.with_bodies) {
    if (entry.large_size != 0) {
      large.emplace_back(page.mails.size(), prefix + std::string(entry.token));
      large_bytes += entry.large_size;
    }
    mail.bodies = entry.bodies;
  }
  page.mails.push_back(std::move(mail));
  return true;
}

void Listing::fetch_bodies(const std::shared_ptr<Listing>& work) {
  work->missing = work->large.size() + 1;
  if (work->large.empty()) return work->finish_one();
  work->bodies.take(work->large_bytes, [work](const ReadBudget::Place& room) {
    for (const auto& [index, key] : work->large) {
      work->redis.command({"HGET", key, "b"},
                          [work, room, place = index](Result<RedisReply> bodies) {
                            if (bodies) {
                              work->page.mails[place].bodies = bodies->text();
                            } else {
                              work->error = bodies.error();
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

MailStore::MailStore(Redis& redis, std::chrono::milliseconds retention)
    : redis_(redis), retention_(retention), lists_(kListsAtOnce), bodies_(kBodiesAtOnce) {}

bool MailStore::available() const { return redis_.available(); }

void MailStore::ping(std::function<void(Result<void>)> done) {
  redis_.command({"PING"}, [done = std::move(done)](Result<RedisReply> reply) {
    if (!reply) return done(std::unexpected(reply.error()));
    done({});
  });
}

void MailStore::put(const NewMail& mail, std::function<void(Result<MailId>)> done) {
  const std::string inbox = inbox_key(mail.mailbox);
  const std::string hash = mail_prefix(mail.mailbox) + mail.token;
  const std::string seen = seen_key(mail.mailbox, mail.fingerprint);
  const std::string retention = fmt::format("{}", retention_.count());
  const std::array<std::string_view, 3> keys = {inbox, hash, seen};
  const std::string_view large = mail.bodies.size() > kInlineBodies ? "1" : "0";
  std::vector<std::string_view> arguments = {
      mail.token, retention,   mail.summary, mail.bodies, mail.raw.substr(0, kRawPiece),
      large,      mail.details};
  for (std::size_t at = kRawPiece; at < mail.raw.size(); at += kRawPiece) {
    arguments.push_back(mail.raw.substr(at, kRawPiece));
  }
  const std::size_t key_count = mail.fingerprint.empty() ? 2 : 3;
  redis_.run_script(kPut, std::span(keys).first(key_count), arguments,
                    [this, done = std::move(done)](Result<RedisReply> reply) {
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
                                        .bodies = bodies_,
                                        .inbox = inbox_key(mailbox),
                                        .prefix = mail_prefix(mailbox),
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
      [prefix = mail_prefix(mailbox), id, done = std::move(done)](Result<RedisReply> reply) {
        if (!reply) return done(std::unexpected(reply.error()));
        const auto entry = reply->size() == 0 ? std::nullopt : read_entry(reply->at(0));
        if (!entry || (id && entry->id != *id)) return done(std::nullopt);
        done(Found{.mail = {.id = entry->id,
                            .summary = std::string(entry->summary),
                            .bodies = std::string(entry->bodies),
                            .details = {}},
                   .key = prefix + std::string(entry->token),
                   .large_size = entry->large_size});
      });
}

// A hash that expired between the two reads is of a mail that has reached its age.
void MailStore::get(std::string_view mailbox, std::optional<MailId> id,
                    std::function<void(Result<std::optional<StoredMail>>)> done) {
  find(mailbox, id, [this, done = std::move(done)](Result<std::optional<Found>> found) {
    if (!found) return done(std::unexpected(found.error()));
    if (!*found) return done(std::nullopt);
    bodies_.take((*found)->large_size + kDetails, [this, found = std::move(**found),
                                                   done](const ReadBudget::Place& room) mutable {
      redis_.command({"HMGET", found.key, "d", "b"},
                     [mail = std::move(found.mail), done, room](Result<RedisReply> fields) mutable {
                       if (!fields) return done(std::unexpected(fields.error()));
                       if (fields->size() != 2) return done(std::nullopt);
                       mail.details = fields->at(0).text();
                       if (mail.bodies.empty()) mail.bodies = fields->at(1).text();
                       if (mail.bodies.empty()) return done(std::nullopt);
                       done(std::move(mail));
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
      work->store.redis_.run_script(kClear, keys, arguments, [work](Result<RedisReply> reply) {
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
  redis_.run_script(kRemove, keys, std::span(arguments).first(lease.empty() ? 2 : 3),
                    [done = std::move(done)](Result<RedisReply> reply) {
                      if (!reply) return done(std::unexpected(reply.error()));
                      done(reply->integer() != 0);
                    });
}

}  // namespace restante
