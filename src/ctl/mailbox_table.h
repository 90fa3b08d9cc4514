// SPDX-License-Identifier: ISC
// The mailboxes that come first by one of their columns, and the sum over all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "ctl/options.h"
#include "shared/store/survey.h"

namespace restante::ctl {

class MailboxTable {
 public:
  MailboxTable(SortBy sort_by, std::size_t limit) : rows_(Order{sort_by}), limit_(limit) {}

  // Keeps the `limit` largest; of equals those whose names come first. One that is given twice is
  // one row.
  void add(store::MailboxSize mailbox);

  // `user_of` gives the name under which a mailbox is shown (user.h).
  using UserOf = std::function<std::string(std::string_view mailbox)>;
  [[nodiscard]] std::string text(const UserOf& user_of) const;
  [[nodiscard]] std::string json(const UserOf& user_of) const;

 private:
  struct Order {
    SortBy by;
    bool operator()(const store::MailboxSize& one, const store::MailboxSize& other) const;
  };

  std::set<store::MailboxSize, Order> rows_;
  std::size_t limit_;
  std::uint64_t mailboxes_ = 0, mails_ = 0, bytes_ = 0;
};

}  // namespace restante::ctl
