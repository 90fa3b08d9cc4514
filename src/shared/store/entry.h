// SPDX-License-Identifier: ISC
// An entry of an inbox stream. It contains all of a small mail: the fields `s` (summary) and `z`
// (frame, see frame.h). The entry of a large mail has `s` and `n`, the size of its bodies in bytes.
// The frame of a large mail is in a hash: the field `z` has bodies and details, and `z1`, `z2`, …
// have the rest, kFramePiece bytes each. The hash is mail_key(), or frame_key() of the field `f` of
// the entry if the mail went to several mailboxes, which then all refer to one hash.
//
// Where mailbox_size_limit is set the last field is `b`: the bytes that the mail has in size_key().
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "shared/redis/reply.h"
#include "shared/store/frame_cache.h"
#include "shared/store/mail_id.h"
#include "shared/store/reader.h"

namespace restante::store {

inline constexpr std::size_t kFramePiece = std::size_t{1024} * 1024;

struct Entry {
  MailId id;
  std::string_view summary, frame;        // views of the reply
  std::optional<std::size_t> large_size;  // of a large mail: the size of its bodies
  std::string_view token;                 // … and of its frame, if that is a shared one
};

// The key of the hash that has the frame of a large mail.
[[nodiscard]] std::string hash_key(std::string_view mailbox, const MailId& id,
                                   std::string_view token);

// Reads one element of a reply to XRANGE. Nothing if it is not such an entry.
[[nodiscard]] std::optional<Entry> read_entry(redis::Reply reply);

// Puts a mail together. `frame` may be cut after MailFrame::head bytes.
[[nodiscard]] StoredMail read_mail(FrameCache& frames, MailId id, std::string_view summary,
                                   std::string_view frame);

// The lowest id that a mail can have whose retention has not passed now.
[[nodiscard]] MailId oldest_mail(std::chrono::milliseconds retention);

}  // namespace restante::store
