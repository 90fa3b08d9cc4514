// SPDX-License-Identifier: ISC
#include "shared/store/redis_reader.h"

#include <fmt/core.h>

#include <memory>
#include <string>
#include <utility>

#include "shared/mail/message.h"
#include "shared/store/entry.h"
#include "shared/store/keys.h"
#include "shared/store/listing.h"
#include "shared/store/removal.h"
#include "shared/store/scripts.h"

namespace restante::store {
namespace {

constexpr std::size_t kDetails = 64 * 1024;  // what the details of a mail are assumed to need
// Mails that one call of the script removes, so that Redis can serve others in between.
constexpr std::string_view kClearBatch = "500";

// Reads the frame of a large mail, one piece at a time.
struct RawReading {
  redis::Client& redis;
  ReadBudget& budget;
  RawMail mail;
  std::string key;
  Reader::PieceSink sink;
  std::function<void(Result<bool>)> done;
  std::size_t next = 0;

  static void read(const std::shared_ptr<RawReading>& work) {
    const std::string field = work->next == 0 ? "z" : fmt::format("z{}", work->next);
    ++work->next;
    work->budget.acquire(kFramePiece, [work, field](const ReadBudget::Reservation& room) {
      work->redis.command({"HGET", work->key, field}, [work, room](Result<redis::Reply> piece) {
        if (!piece) return work->done(std::unexpected(piece.error()));
        if (!piece->is_text()) return finish(work);
        if (!work->sink(work->mail, piece->text())) return work->done(true);
        read(work);
      });
    });
  }

  // There is no further piece: it was the last one, or the mail was removed in between.
  static void finish(const std::shared_ptr<RawReading>& work) {
    work->redis.command({"EXISTS", work->key}, [work](Result<redis::Reply> exists) {
      if (!exists) return work->done(std::unexpected(exists.error()));
      work->done(exists->integer() != 0);
    });
  }
};

// Removes batch after batch, up to the mail that was the newest one when the first batch ran.
struct Clearing {
  redis::Client& redis;
  std::string inbox, size, prefix, last;
  std::function<void(Result<std::uint64_t>)> done;
  std::uint64_t removed = 0;

  static void step(const std::shared_ptr<Clearing>& work) {
    work->redis.run_script(clear_script(), {work->inbox, work->size},
                           {work->prefix, work->last, kClearBatch},
                           [work](Result<redis::Reply> reply) {
                             if (!reply) return work->done(std::unexpected(reply.error()));
                             if (reply->size() < 2) return work->done(work->removed);
                             work->removed += static_cast<std::uint64_t>(reply->at(1).integer());
                             for (std::size_t i = 2; i < reply->size(); ++i) {
                               release_frame(work->redis, reply->at(i).text(), 1);
                             }
                             if (reply->at(0).text().empty()) return work->done(work->removed);
                             work->last = reply->at(0).text();
                             step(work);
                           });
  }
};

}  // namespace

struct RedisReader::FoundMail {
  MailId id;
  std::string summary, frame;
  std::string key;                        // of its hash, if it is large
  std::optional<std::size_t> large_size;  // see Entry
};

void RedisReader::ping(std::function<void(Result<void>)> done) {
  resources_.redis.command({"PING"}, [done = std::move(done)](Result<redis::Reply> reply) {
    if (!reply) return done(std::unexpected(reply.error()));
    done({});
  });
}

void RedisReader::list(std::string_view mailbox, const ListQuery& query,
                       std::function<void(Result<Page>)> done) {
  list_mail(resources_, mailbox, query, std::move(done));
}

void RedisReader::find(std::string_view mailbox, std::optional<MailId> id,
                       std::function<void(Result<std::optional<FoundMail>>)> done) {
  const std::string newest = id ? id->stream_id() : "+";
  const std::string oldest = oldest_mail(resources_.retention).stream_id();
  resources_.redis.command(
      {"XREVRANGE", inbox_key(mailbox), newest, oldest, "COUNT", "1"},
      [id, mailbox = std::string(mailbox), done = std::move(done)](Result<redis::Reply> reply) {
        if (!reply) return done(std::unexpected(reply.error()));
        const auto entry = reply->size() == 0 ? std::nullopt : read_entry(reply->at(0));
        if (!entry || (id && entry->id != *id)) return done(std::nullopt);
        done(FoundMail{.id = entry->id,
                       .summary = std::string(entry->summary),
                       .frame = std::string(entry->frame),
                       .key = hash_key(mailbox, entry->id, entry->token),
                       .large_size = entry->large_size});
      });
}

// A hash that expired between the two reads is of a mail whose retention has passed.
void RedisReader::get(std::string_view mailbox, std::optional<MailId> id,
                      std::function<void(Result<std::optional<StoredMail>>)> done) {
  find(mailbox, id, [this, done = std::move(done)](Result<std::optional<FoundMail>> found) {
    if (!found) return done(std::unexpected(found.error()));
    if (!*found) return done(std::nullopt);
    const FoundMail& mail = **found;
    if (!mail.large_size) {
      return done(read_mail(resources_.frames, mail.id, mail.summary, mail.frame));
    }
    const auto size = *mail.large_size + kDetails;
    resources_.bodies.acquire(size, [this, mail, done](const ReadBudget::Reservation& room) {
      resources_.redis.command(
          {"HGET", mail.key, "z"}, [this, mail, done, room](Result<redis::Reply> frame) {
            if (!frame) return done(std::unexpected(frame.error()));
            if (!frame->is_text()) return done(std::nullopt);
            done(read_mail(resources_.frames, mail.id, mail.summary, frame->text()));
          });
    });
  });
}

void RedisReader::get_raw(std::string_view mailbox, std::optional<MailId> id, PieceSink sink,
                          std::function<void(Result<bool>)> done) {
  find(mailbox, id,
       [this, sink = std::move(sink),
        done = std::move(done)](Result<std::optional<FoundMail>> found) {
         if (!found) return done(std::unexpected(found.error()));
         if (!*found) return done(false);
         const RawMail mail{.id = (*found)->id, .size = mail::size_in_summary((*found)->summary)};
         if (!(*found)->large_size) {
           (void)sink(mail, (*found)->frame);
           return done(true);
         }
         RawReading::read(std::make_shared<RawReading>(RawReading{.redis = resources_.redis,
                                                                  .budget = resources_.bodies,
                                                                  .mail = mail,
                                                                  .key = (*found)->key,
                                                                  .sink = sink,
                                                                  .done = done}));
       });
}

void RedisReader::clear(std::string_view mailbox, std::function<void(Result<std::uint64_t>)> done) {
  Clearing::step(std::make_shared<Clearing>(Clearing{.redis = resources_.redis,
                                                     .inbox = inbox_key(mailbox),
                                                     .size = size_key(mailbox),
                                                     .prefix = mail_prefix(mailbox),
                                                     .last = {},
                                                     .done = std::move(done)}));
}

void RedisReader::remove(std::string_view mailbox, MailId id,
                         std::function<void(Result<bool>)> done) {
  // Redis may still have a mail past its retention, since it only trims an inbox when mail comes.
  if (id < oldest_mail(resources_.retention)) return done(false);
  remove_mail(resources_.redis, mailbox, id, {}, std::move(done));
}

}  // namespace restante::store
