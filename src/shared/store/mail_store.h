// SPDX-License-Identifier: ISC
// Mailboxes in Redis: put, list, get, remove and clear; what writes is one atomic step on one
// mailbox.
//
//   inbox:{USER}        stream   an entry a mail, with all of a small one (mail_entry.h)
//   mail:{USER}:ID      hash     the frame of a large one, in pieces
//   claimed:{USER}      hash     end of the lease (Unix time in ms) of each mail being claimed
//   seen:{USER}:PRINT   string   id of a delivery that is not yet acknowledged, by its fingerprint
//
// USER is a mailbox key (address.h). Its braces are a hash tag: all keys of a mailbox are in one
// slot. A mail's id is its stream id as one number of 19 digits: milliseconds × 10⁶ + sequence.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"
#include "shared/redis/client.h"
#include "shared/store/claims.h"
#include "shared/store/frame.h"
#include "shared/store/frame_cache.h"
#include "shared/store/mail_id.h"
#include "shared/store/read_budget.h"
#include "shared/store/reader.h"
#include "shared/store/writer.h"

namespace restante {

// The frame of a large mail is kept in pieces of this size, after the one with its bodies and
// details.
inline constexpr std::size_t kFramePiece = std::size_t{1024} * 1024;

class MailStore : public Writer, public Reader, public Claims {
 public:
  // `redis` outlives the store.
  MailStore(event_base* base, Redis& redis, std::chrono::milliseconds retention);

  // False while Redis is known to be away: what is asked then fails at once.
  [[nodiscard]] bool available() const;

  // Whether Redis answers now.
  void ping(std::function<void(Result<void>)> done) override;

  // Calls back with the mail's id once Redis has confirmed the write. ErrorKind: kUnavailable (the
  // outcome may be unknown; a second put with the same fingerprint does not store twice), kFull.
  void put(const NewMail& mail, std::function<void(Result<MailId>)> done) override;

  // The delivery has been acknowledged to its sender: the same bytes may now come again as a new
  // mail. Nobody waits for it.
  void forget(std::string_view mailbox, std::string_view fingerprint) override;

  // With `fits`, looks at 10,000 mails at most; the page then says where to go on.
  void list(std::string_view mailbox, const ListQuery& query,
            std::function<void(Result<Page>)> done) override;

  // The mail with this id, or the newest one; nothing when there is none or it is past its age.
  void get(std::string_view mailbox, std::optional<MailId> id,
           std::function<void(Result<std::optional<StoredMail>>)> done) override;

  // The frame with the raw mail, which is the trace header and the mail as it was received, piece
  // by piece; the next one is read once `take` has had this one and says true. `done` gets true
  // when it has said false or there is no further piece, false when there is no such mail.
  void get_raw(std::string_view mailbox, std::optional<MailId> id, TakePiece take,
               std::function<void(Result<bool>)> done) override;

  // Removes every mail that is in the mailbox when Redis gets the command; later ones stay.
  void clear(std::string_view mailbox, std::function<void(Result<void>)> done) override;

  // Removes one mail; false when there is none, or it is past its age.
  void remove(std::string_view mailbox, MailId id, std::function<void(Result<bool>)> done) override;

  // Claims the oldest mail that fits, as list() has it; `limit`, `before` and the form of the page
  // mean nothing here. Of all who ask at once one gets it.
  void claim(std::string_view mailbox, const ListQuery& query,
             std::function<void(Result<Claim>)> done) override;

  // Removes a claimed mail; false when the lease is over and another one has the mail, or it is
  // gone.
  void acknowledge(std::string_view mailbox, const MailId& id, std::string_view lease,
                   std::function<void(Result<bool>)> done) override;

  // Ends a lease before its time: the next claim gets the mail. False when it was over.
  void release(std::string_view mailbox, const MailId& id, std::string_view lease,
               std::function<void(Result<bool>)> done) override;

 private:
  // Where the mails begin that are young enough, as XRANGE takes it.
  [[nodiscard]] std::string oldest_of(const ListQuery& query) const;
  struct Found {
    MailId id;
    std::string summary, frame;
    std::string key;                        // of its hash
    std::optional<std::size_t> large_size;  // the frame is in the hash, and its bodies have so many
  };
  void find(std::string_view mailbox, std::optional<MailId> id,
            std::function<void(Result<std::optional<Found>>)> done);
  void remove_if(std::string_view mailbox, MailId id, std::string_view lease,
                 std::function<void(Result<bool>)> done);

  Redis& redis_;
  std::chrono::milliseconds retention_;
  RecentHeads heads_;
  // Lists hold what they have read until their large bodies have come; these never wait for those.
  ReadBudget lists_, bodies_;
};

}  // namespace restante
