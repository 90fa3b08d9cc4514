// SPDX-License-Identifier: ISC
#include "ctl/mailbox_table.h"

#include <fmt/format.h>

#include <iterator>
#include <tuple>
#include <utility>

#include "ctl/text.h"
#include "shared/mail/message.h"

namespace restante::ctl {
namespace {

std::uint64_t value_of(const store::MailboxSize& mailbox, SortBy by) {
  switch (by) {
    case SortBy::kBytes:
      return mailbox.bytes;
    case SortBy::kCount:
      return mailbox.mails;
    case SortBy::kNewest:
      return mailbox.newest.milliseconds;
  }
  return 0;
}

}  // namespace

bool MailboxTable::Order::operator()(const store::MailboxSize& one,
                                     const store::MailboxSize& other) const {
  return std::tuple(value_of(other, by), std::string_view(one.mailbox)) <
         std::tuple(value_of(one, by), std::string_view(other.mailbox));
}

void MailboxTable::add(store::MailboxSize mailbox) {
  ++mailboxes_;
  mails_ += mailbox.mails;
  bytes_ += mailbox.bytes;
  rows_.insert(std::move(mailbox));
  if (rows_.size() > limit_) rows_.erase(std::prev(rows_.end()));
}

std::string MailboxTable::text(const UserOf& user_of) const {
  std::string text = "   COUNT         BYTES  NEWEST               MAILBOX\n";
  for (const store::MailboxSize& row : rows_) {
    text += fmt::format("{:8} {:13}  {}  {}\n", row.mails, row.bytes,
                        date_text(row.newest.received_at()), user_of(row.mailbox));
  }
  if (rows_.size() < mailboxes_) text += fmt::format("There is more: -n {}\n", 2 * limit_);
  return text +
         fmt::format("in all: mailboxes {}, mails {}, bytes {}\n", mailboxes_, mails_, bytes_);
}

std::string MailboxTable::json(const UserOf& user_of) const {
  std::string rows;
  for (const store::MailboxSize& row : rows_) {
    rows += fmt::format(R"({}{{"mailbox":{},"count":{},"bytes":{},"newest":{}}})",
                        rows.empty() ? "" : ",", mail::json_string(user_of(row.mailbox)), row.mails,
                        row.bytes, row.newest.received_at());
  }
  return fmt::format(R"({{"mailboxes":[{}],"total":{{"mailboxes":{},"count":{},"bytes":{}}}}})",
                     rows, mailboxes_, mails_, bytes_);
}

}  // namespace restante::ctl
