// SPDX-License-Identifier: ISC
// Commands about mail, which is looked for in Redis: no process of restante need run.
#include <cstdio>

#include "ctl/commands.h"
#include "ctl/mail_text.h"
#include "ctl/store.h"
#include "shared/mail/address.h"
#include "shared/mail/mailbox_name.h"
#include "shared/redis/tls.h"

namespace restante::ctl {
namespace {

constexpr std::size_t kListed = 50;

// As the API has it: a name, or a whole address.
Result<std::string> mailbox_of(const config::Config& config, const std::string& user) {
  mail::Address address{.local = user,
                        .domain = config.domain.empty() ? "" : config.domain.front()};
  if (user.contains('@')) {
    auto parsed = mail::parse_mailbox(user, /*utf8=*/true);
    if (!parsed) return fail(ErrorKind::kConfig, "'{}' is no mail address", user);
    address = *std::move(parsed);
  }
  return mail::mailbox_key(mail::mailbox_name(address, config.mailbox_naming()));
}

Result<std::optional<store::MailId>> id_of(const std::string& text) {
  if (text == "latest") return std::nullopt;
  const auto id = store::MailId::parse(text);
  if (!id) return fail(ErrorKind::kConfig, "'{}' is no id: 19 digits, or latest", text);
  return id;
}

// Does `work` with the store and the key of the mailbox that the first word names.
template <class Work>
Result<int> in_mailbox(const Options& options, const config::Config& config, Work work) {
  auto address = redis::address_of(config);
  if (!address) return std::unexpected(address.error());
  const auto mailbox = mailbox_of(config, options.words.front());
  if (!mailbox) return std::unexpected(mailbox.error());
  Store store(config, *std::move(address));
  return work(store, *mailbox);
}

Result<int> no_such_mail() { return fail(ErrorKind::kConfig, "there is no such mail"); }

}  // namespace

Result<int> run_inbox(const Options& options, const config::Config& config) {
  return in_mailbox(options, config, [&](Store& store, const std::string& mailbox) -> Result<int> {
    store::ListQuery query{.limit = options.count == 0 ? kListed : options.count,
                           .with_bodies = false};
    const auto page = store.answer_of<Result<store::Page>>(
        [&](auto done) { store.reader().list(mailbox, query, std::move(done)); });
    if (!page) return std::unexpected(page.error());
    fmt::print("{}", options.json ? inbox_json(*page) : inbox_text(*page));
    if (page->next && !options.json) fmt::print("There is more: -n {}\n", 2 * query.limit);
    return kFine;
  });
}

Result<int> run_show(const Options& options, const config::Config& config) {
  return in_mailbox(options, config, [&](Store& store, const std::string& mailbox) -> Result<int> {
    const auto id = id_of(options.words[1]);
    if (!id) return std::unexpected(id.error());
    const auto mail = store.answer_of<Result<std::optional<store::StoredMail>>>(
        [&](auto done) { store.reader().get(mailbox, *id, std::move(done)); });
    if (!mail) return std::unexpected(mail.error());
    if (!*mail) return no_such_mail();
    fmt::print("{}", options.json ? mail_json(**mail) : mail_text(**mail));
    return kFine;
  });
}

Result<int> run_rm(const Options& options, const config::Config& config) {
  return in_mailbox(options, config, [&](Store& store, const std::string& mailbox) -> Result<int> {
    const auto id = id_of(options.words[1]);
    if (!id) return std::unexpected(id.error());
    if (!*id) return fail(ErrorKind::kConfig, "rm takes an id: which mail is latest may change");
    const auto removed = store.answer_of<Result<bool>>(
        [&](auto done) { store.reader().remove(mailbox, **id, std::move(done)); });
    if (!removed) return std::unexpected(removed.error());
    if (!*removed) return no_such_mail();
    fmt::print("removed {}\n", (*id)->text());
    return kFine;
  });
}

}  // namespace restante::ctl
