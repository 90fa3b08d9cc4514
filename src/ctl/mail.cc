// SPDX-License-Identifier: ISC
// Commands about mail, which is looked for in Redis: no process of restante need run.
#include <cstdio>

#include "ctl/commands.h"
#include "ctl/mail_text.h"
#include "ctl/store.h"
#include "ctl/text.h"
#include "ctl/user.h"
#include "shared/redis/tls.h"

namespace restante::ctl {
namespace {

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
    store::ListQuery query{.limit = options.lines(), .with_bodies = false};
    const auto page = store.answer_of<Result<store::Page>>(
        [&](auto done) { store.reader().list(mailbox, query, std::move(done)); });
    if (!page) return std::unexpected(page.error());
    fmt::print("{}", options.json ? terminal_json(inbox_json(*page)) : inbox_text(*page));
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
    fmt::print("{}", options.json ? terminal_json(mail_json(**mail)) : mail_text(**mail));
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
    store.flush();
    fmt::print("removed {}\n", (*id)->text());
    return kFine;
  });
}

Result<int> run_clear(const Options& options, const config::Config& config) {
  return in_mailbox(options, config, [&](Store& store, const std::string& mailbox) -> Result<int> {
    const auto removed = store.answer_of<Result<std::uint64_t>>(
        [&](auto done) { store.reader().clear(mailbox, std::move(done)); });
    if (!removed) return std::unexpected(removed.error());
    store.flush();
    fmt::print("removed {} mail{}\n", *removed, *removed == 1 ? "" : "s");
    return kFine;
  });
}

}  // namespace restante::ctl
