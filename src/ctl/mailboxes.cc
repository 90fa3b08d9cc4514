// SPDX-License-Identifier: ISC
// The command mailboxes: who fills Redis.
#include <fmt/format.h>

#include <cstdio>

#include "ctl/commands.h"
#include "ctl/mailbox_table.h"
#include "ctl/store.h"
#include "ctl/text.h"
#include "ctl/user.h"
#include "shared/redis/tls.h"
#include "shared/store/survey.h"

namespace restante::ctl {

Result<int> run_mailboxes(const Options& options, const config::Config& config) {
  auto address = redis::address_of(config);
  if (!address) return std::unexpected(address.error());
  Store store(config, *std::move(address));
  MailboxTable table(options.sort_by, options.lines());
  const auto surveyed = store.answer_of<Result<void>>([&](auto done) {
    store::survey_mailboxes(
        store.redis(), [&](store::MailboxSize mailbox) { table.add(std::move(mailbox)); },
        std::move(done));
  });
  if (!surveyed) return std::unexpected(surveyed.error());
  const auto user = [&](std::string_view mailbox) { return user_of(config, mailbox); };
  fmt::print("{}", options.json ? terminal_json(table.json(user)) : table.text(user));
  return kFine;
}

}  // namespace restante::ctl
