// SPDX-License-Identifier: ISC
// The keys of a mailbox in Redis:
//
//   inbox:{MAILBOX}       stream  an entry for each mail (entry.h)
//   mail:{MAILBOX}:ID     hash    the frame of a large mail, in pieces
//   frame:{TOKEN}         hash    the frame of a large mail to several mailboxes, in pieces, and
//   `refs`:
//                                 how many entries refer to it
//   size:{MAILBOX}        string  bytes of the mails of the mailbox, if mailbox_size_limit is set
//   claimed:{MAILBOX}     hash    for each claimed mail when its lease ends: Unix time in ms
//   seen:{MAILBOX}:PRINT  string  stream id of a mail whose sender has no reply yet, by fingerprint
//
// MAILBOX is a mailbox key (mail/mailbox_name.h), ID a stream id. The braces are a hash tag: Redis
// Cluster keeps all keys of a mailbox in one slot. TOKEN is random, and its key in a slot of its
// own: the scripts of a mailbox never touch it.
#pragma once

#include <string>
#include <string_view>

#include "shared/store/mail_id.h"

namespace restante::store {

// Also the name of the channel on which new mail is announced.
[[nodiscard]] std::string inbox_key(std::string_view mailbox);
// The mailbox of an inbox_key().
[[nodiscard]] std::string_view mailbox_in(std::string_view inbox_key);
// What the keys of all large mails of a mailbox begin with.
[[nodiscard]] std::string mail_prefix(std::string_view mailbox);
[[nodiscard]] std::string mail_key(std::string_view mailbox, const MailId& id);
[[nodiscard]] std::string frame_key(std::string_view token);
[[nodiscard]] std::string size_key(std::string_view mailbox);
[[nodiscard]] std::string claimed_key(std::string_view mailbox);
[[nodiscard]] std::string seen_key(std::string_view mailbox, std::string_view fingerprint);

}  // namespace restante::store
