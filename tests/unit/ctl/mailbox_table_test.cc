// SPDX-License-Identifier: ISC
// The mailboxes that take most.
#include "ctl/mailbox_table.h"

#include <string>

#include "testing.h"

namespace {

using namespace restante;
using namespace restante::ctl;

store::MailboxSize mailbox(const char* name, std::uint64_t mails, std::uint64_t bytes,
                           std::uint64_t newest) {
  return {.mailbox = name, .mails = mails, .bytes = bytes, .newest = {newest * 1000, 0}};
}

MailboxTable filled(SortBy by, std::size_t limit) {
  MailboxTable table(by, limit);
  table.add(mailbox("small", 9, 10, 5));
  table.add(mailbox("b", 1, 20, 7));
  table.add(mailbox("large", 2, 30, 6));
  table.add(mailbox("a", 1, 20, 1));
  return table;
}

std::string same(std::string_view mailbox) { return std::string(mailbox); }

// The names of the rows in their order.
std::string names(const MailboxTable& table) {
  std::string names;
  (void)table.json([&](std::string_view mailbox) {
    names.append(mailbox).append(1, ' ');
    return std::string();
  });
  return names;
}

TEST(the_largest_stand_first_and_equals_by_name) {
  assert_same(names(filled(SortBy::kBytes, 9)), "large a b small ");
  assert_same(names(filled(SortBy::kCount, 9)), "small large a b ");
  assert_same(names(filled(SortBy::kNewest, 9)), "b large small a ");
}

TEST(the_limit_keeps_the_largest_and_the_sum_is_of_all) {
  assert_same(names(filled(SortBy::kBytes, 2)), "large a ");
  assert_same(filled(SortBy::kBytes, 1).json(same),
              R"({"mailboxes":[{"mailbox":"large","count":2,"bytes":30,"newest":6}],)"
              R"("total":{"mailboxes":4,"count":13,"bytes":80}})");
  assert_same(filled(SortBy::kBytes, 1).text(same),
              "   COUNT         BYTES  NEWEST               MAILBOX\n"
              "       2            30  1970-01-01 00:00:06  large\n"
              "There is more: -n 2\n"
              "in all: mailboxes 4, mails 13, bytes 80\n");
}

TEST(a_mailbox_that_is_given_twice_is_one_row) {
  MailboxTable table = filled(SortBy::kBytes, 3);
  table.add(mailbox("large", 2, 30, 6));
  assert_same(names(table), "large a b ");
}

}  // namespace
