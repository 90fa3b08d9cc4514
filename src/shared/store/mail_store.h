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
#include "shared/store/frame.h"
#include "shared/store/read_budget.h"
#include "shared/store/frame_cache.h"
#include "shared/redis/client.h"

namespace restante {

// 19 digits, or "ms-sequence" as Redis writes it.
struct MailId {
  std::uint64_t milliseconds = 0;
  std::uint32_t sequence = 0;  // below 10⁶

  auto operator<=>(const MailId&) const = default;
  [[nodiscard]] static std::optional<MailId> parse(std::string_view nineteen_digits);
  [[nodiscard]] static std::optional<MailId> from_stream(std::string_view stream_id);
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string stream_id() const;
  [[nodiscard]] std::int64_t received_at() const {  // Unix seconds
    return static_cast<std::int64_t>(milliseconds / 1000);
  }
};

struct NewMail {
  std::string mailbox;       // mailbox key
  std::string fingerprint;   // equal for the same delivery tried again; empty: none such is known
  std::string_view summary;  // this and the frame need to live only during the call of put()
  const MailFrame& frame;
};

struct ListedMail {
  MailId id;
  std::string summary, bodies;
};

// One mail. The fragments are those of message.h; the details are complete.
struct StoredMail {
  MailId id;
  std::string summary, bodies, details;
};

// The frame of a large mail is kept in pieces of this size, after the one with its bodies and
// details.
inline constexpr std::size_t kFramePiece = std::size_t{1024} * 1024;

// A mail whose raw form is read.
struct RawMail {
  MailId id;
  std::optional<std::uint64_t> size;  // as it was received, so behind the trace header
};

struct ListQuery {
  std::size_t limit = 50;
  std::optional<MailId> before;                // older than this one only
  std::optional<MailId> after;                 // newer than this one only
  std::optional<std::chrono::seconds> since;   // received at this Unix time or later
  std::function<bool(std::string_view)> fits;  // takes a summary; empty: all fit
  bool with_bodies = true;
  bool oldest_first = false;
  std::size_t page_bytes = SIZE_MAX;  // end the page early rather than grow past this
};

struct Page {
  std::vector<ListedMail> mails;  // in the order that was asked for
  // Give it as `before` (oldest first: as `after`) for the next page, which may be empty.
  std::optional<MailId> next;
  std::optional<MailId> newest;  // of all that were looked at, whether they fitted or not
};

// A mail that is somebody's for the time of a lease: no other claim gets it. It is listed as
// before.
struct ClaimedMail {
  StoredMail mail;
  std::string lease;
};

struct Claim {
  std::optional<ClaimedMail> claimed;
  // Nothing was free, but a mail that others have claimed is, if they do not take it, in this time.
  std::optional<std::chrono::milliseconds> free_in;
  // No mail up to this one fits: who asks again may give it as `after`.
  std::optional<MailId> none_until = {};
};

class MailStore {
 public:
  // `redis` outlives the store.
  MailStore(event_base* base, Redis& redis, std::chrono::milliseconds retention);

  // False while Redis is known to be away: what is asked then fails at once.
  [[nodiscard]] bool available() const;

  // Whether Redis answers now.
  void ping(std::function<void(Result<void>)> done);

  // Calls back with the mail's id once Redis has confirmed the write. ErrorKind: kUnavailable (the
  // outcome may be unknown; a second put with the same fingerprint does not store twice), kFull.
  void put(const NewMail& mail, std::function<void(Result<MailId>)> done);

  // The delivery has been acknowledged to its sender: the same bytes may now come again as a new
  // mail. Nobody waits for it.
  void forget(std::string_view mailbox, std::string_view fingerprint);

  // With `fits`, looks at 10,000 mails at most; the page then says where to go on.
  void list(std::string_view mailbox, const ListQuery& query,
            std::function<void(Result<Page>)> done);

  // The mail with this id, or the newest one; nothing when there is none or it is past its age.
  void get(std::string_view mailbox, std::optional<MailId> id,
           std::function<void(Result<std::optional<StoredMail>>)> done);

  // The frame with the raw mail, which is the trace header and the mail as it was received, piece
  // by piece; the next one is read once `take` has had this one and says true. `done` gets true
  // when it has said false or there is no further piece, false when there is no such mail.
  using TakePiece = std::function<bool(const RawMail&, std::string_view piece)>;
  void get_raw(std::string_view mailbox, std::optional<MailId> id, TakePiece take,
               std::function<void(Result<bool>)> done);

  // Removes every mail that is in the mailbox when Redis gets the command; later ones stay.
  void clear(std::string_view mailbox, std::function<void(Result<void>)> done);

  // Removes one mail; false when there is none, or it is past its age.
  void remove(std::string_view mailbox, MailId id, std::function<void(Result<bool>)> done);

  // Claims the oldest mail that fits, as list() has it; `limit`, `before` and the form of the page
  // mean nothing here. Of all who ask at once one gets it.
  void claim(std::string_view mailbox, const ListQuery& query,
             std::function<void(Result<Claim>)> done);

  // Removes a claimed mail; false when the lease is over and another one has the mail, or it is
  // gone.
  void take(std::string_view mailbox, const MailId& id, std::string_view lease,
            std::function<void(Result<bool>)> done);

  // Ends a lease before its time: the next claim gets the mail. False when it was over.
  void give_back(std::string_view mailbox, const MailId& id, std::string_view lease,
                 std::function<void(Result<bool>)> done);

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
