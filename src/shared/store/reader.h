// SPDX-License-Identifier: ISC
// Reads and removes the mail of a mailbox: what apid and restantectl need of the store.
//
// `mailbox` is a mailbox key (mail/mailbox_name.h). Mail past its retention is never returned. A
// callback is called once; before the call returns only if Redis is away. The only ErrorKind is
// kUnavailable.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"
#include "shared/store/mail_id.h"

namespace restante::store {

// A row of a page. Summary and bodies are the fragments of mail/message.h.
struct ListedMail {
  MailId id;
  std::string summary, bodies;
};

// One mail with all its fragments. The details are complete (complete_details()).
struct StoredMail {
  MailId id;
  std::string summary, bodies, details;
};

// The mail whose raw form is being read.
struct RawMail {
  MailId id;
  std::optional<std::uint64_t> size;  // bytes as they were received, without the trace header
};

struct ListQuery {
  std::size_t limit = 50;                      // mails in a page
  std::optional<MailId> before;                // only mail that is older
  std::optional<MailId> after;                 // only mail that is newer
  std::optional<std::chrono::seconds> since;   // only mail received at this Unix time or later
  std::function<bool(std::string_view)> fits;  // is given a summary; empty: every mail fits
  bool with_bodies = true;
  bool oldest_first = false;
  std::size_t page_bytes = SIZE_MAX;  // the page ends before it grows past this
};

struct Page {
  std::vector<ListedMail> mails;  // in the order of the query
  // To read the next page, which may be empty, give this as `before` (oldest first: as `after`).
  std::optional<MailId> next;
  std::optional<MailId> newest;  // of all mail that was looked at, whether it fitted or not
  std::size_t looked_at = 0;     // mails
};

// So many mails of a mailbox are tried with a filter at most, for one request.
inline constexpr std::size_t kScanLimit = 10'000;

class Reader {
 public:
  // Takes one piece of a frame. False: no further piece is wanted.
  using PieceSink = std::function<bool(const RawMail&, std::string_view piece)>;

  virtual ~Reader() = default;

  // Succeeds if Redis answers now.
  virtual void ping(std::function<void(Result<void>)> done) = 0;

  // A query with `fits` looks at kScanLimit mails at most; the page then has `next`.
  virtual void list(std::string_view mailbox, const ListQuery& query,
                    std::function<void(Result<Page>)> done) = 0;

  // The mail with this id, or without an id the newest one; nothing when there is no such mail.
  virtual void get(std::string_view mailbox, std::optional<MailId> id,
                   std::function<void(Result<std::optional<StoredMail>>)> done) = 0;

  // Gives the frame of a mail to `sink`, piece by piece; the next one is read when `sink` has
  // returned true. `done` gets false when there is no such mail.
  virtual void get_raw(std::string_view mailbox, std::optional<MailId> id, PieceSink sink,
                       std::function<void(Result<bool>)> done) = 0;

  // Removes each mail that is in the mailbox when Redis receives the command; later mail stays.
  // `done` gets how many were removed.
  virtual void clear(std::string_view mailbox, std::function<void(Result<std::uint64_t>)> done) = 0;

  // Removes one mail. `done` gets false when there is no such mail.
  virtual void remove(std::string_view mailbox, MailId id,
                      std::function<void(Result<bool>)> done) = 0;
};

}  // namespace restante::store
