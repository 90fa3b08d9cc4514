// SPDX-License-Identifier: ISC
// Writes mail into mailboxes: what smtpd needs of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "shared/base/error.h"
#include "shared/store/frame.h"
#include "shared/store/mail_id.h"

namespace restante::store {

// One delivery to one mailbox.
struct NewMail {
  std::string mailbox;       // mailbox key (mail/mailbox_name.h)
  std::string fingerprint;   // equal for each try of the same delivery; empty: it has none
  std::string_view summary;  // summary and frame need to live only during the call of put()
  const MailFrame& frame;
  std::string_view token = {};  // of put_frame(); then `frame` needs no bytes
};

// What one mailbox may have.
struct Quota {
  std::uint64_t mails = 0, bytes = 0;  // 0: any number
  bool drops_oldest = false;           // a full mailbox makes room, else it takes no mail
};

// The outcome of a delivery to one mailbox.
struct StoredNow {
  MailId id;
  bool is_repeated;  // an earlier try has stored the mail: this one does not refer to its frame
};

class Writer {
 public:
  using Stored = std::function<void(Result<StoredNow>)>;

  virtual ~Writer() = default;

  // Stores `mail` in one atomic step. Calls `done` once when Redis has confirmed the
  // write; before put() returns only if Redis is away. ErrorKind: kFull when Redis is out of
  // memory; else kUnavailable, and the outcome may be unknown. A second put() with the same
  // fingerprint does not store the mail twice.
  virtual void put(const NewMail& mail, Stored done) = 0;

  // Whether the quota lets the mailbox take another mail. Calls `done` once; before the call
  // returns only if Redis is away.
  virtual void check_room(std::string_view mailbox, std::function<void(Result<bool>)> done) = 0;

  // Stores the frame of a large mail once for several mailboxes. Calls `done` once, with the token
  // that NewMail takes, when Redis has confirmed it; before put_frame() returns only if Redis is
  // away. `references` is how many mailboxes will refer to the frame. It is removed with the last
  // of them, or when its retention has passed. `frame` needs to live only during the call. Errors
  // are those of put().
  virtual void put_frame(const MailFrame& frame, std::size_t references,
                         std::function<void(Result<std::string>)> done) = 0;

  // Gives up references to a frame that no mailbox has taken. There is no reply to wait for.
  virtual void release_frame(std::string_view token, std::size_t references) = 0;

  // Forgets the fingerprint of a delivery that was acknowledged to its sender: the same bytes may
  // now come again as a new mail. There is no reply to wait for.
  virtual void forget(std::string_view mailbox, std::string_view fingerprint) = 0;
};

}  // namespace restante::store
