// SPDX-License-Identifier: ISC
// Reads a raw mail out of Redis piece by piece, so that a large one is nowhere whole on its way.
#include <memory>
#include <utility>

#include "shared/mail/message.h"
#include "shared/store/mail_store.h"

namespace restante {
namespace {

struct Reading {
  Redis& redis;
  ReadBudget& budget;
  RawMail mail;
  std::string key;
  MailStore::TakePiece take;
  std::function<void(Result<bool>)> done;
  std::size_t next = 0;

  static void read(const std::shared_ptr<Reading>& work) {
    const std::string field = work->next == 0 ? "z" : fmt::format("z{}", work->next);
    ++work->next;
    work->budget.take(kFramePiece, [work, field](const ReadBudget::Place& room) {
      work->redis.command({"HGET", work->key, field}, [work, room](Result<RedisReply> piece) {
        if (!piece) return work->done(std::unexpected(piece.error()));
        if (!piece->is_text()) return tell_end(work);
        if (!work->take(work->mail, piece->text())) return work->done(true);
        read(work);
      });
    });
  }

  // There is no further piece: because that was the last one, or because the mail went meanwhile.
  static void tell_end(const std::shared_ptr<Reading>& work) {
    work->redis.command({"EXISTS", work->key}, [work](Result<RedisReply> exists) {
      if (!exists) return work->done(std::unexpected(exists.error()));
      work->done(exists->integer() != 0);
    });
  }
};

}  // namespace

void MailStore::get_raw(std::string_view mailbox, std::optional<MailId> id, TakePiece take,
                        std::function<void(Result<bool>)> done) {
  find(mailbox, id,
       [this, take = std::move(take), done = std::move(done)](Result<std::optional<Found>> found) {
         if (!found) return done(std::unexpected(found.error()));
         if (!*found) return done(false);
         const RawMail mail{.id = (*found)->id, .size = size_in_summary((*found)->summary)};
         if (!(*found)->large_size) {
           (void)take(mail, (*found)->frame);
           return done(true);
         }
         Reading::read(std::make_shared<Reading>(Reading{.redis = redis_,
                                                         .budget = bodies_,
                                                         .mail = mail,
                                                         .key = (*found)->key,
                                                         .take = take,
                                                         .done = done}));
       });
}

}  // namespace restante
