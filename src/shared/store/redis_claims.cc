// SPDX-License-Identifier: ISC
#include "shared/store/redis_claims.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "shared/store/entry.h"
#include "shared/store/keys.h"
#include "shared/store/listing.h"
#include "shared/store/removal.h"
#include "shared/store/scripts.h"

namespace restante::store {
namespace {

using std::chrono::milliseconds;

// The length of a lease. The API must have sent the mail by then (kSendLimit in
// apid/api/settlements.cc is shorter). A mail that a dying worker has claimed is free again after
// it.
constexpr std::string_view kLeaseMs = "30000";
// Mails that are listed, and then tried, in one step.
constexpr std::size_t kBatch = 100;

std::optional<ClaimedMail> read_claimed(FrameCache& frames, redis::Reply reply) {
  if (reply.size() != 3) return std::nullopt;
  const auto entry = read_entry(reply.at(0));
  if (!entry) return std::nullopt;
  return ClaimedMail{.mail = read_mail(frames, entry->id, entry->summary, reply.at(2).text()),
                     .lease = std::string(reply.at(1).text())};
}

// One claim in progress: lists a page of mails that fit, tries to claim one of them, and goes on
// with the next page.
struct Claiming {
  ReadResources& resources;
  std::string mailbox, first;  // first: where the range of ids begins
  ListQuery query;
  std::function<void(Result<Claim>)> done;
  std::optional<milliseconds> free_in;
  std::optional<MailId> none_until = {};
  bool has_fitted = false;

  static void find(const std::shared_ptr<Claiming>& work);
  static void attempt(const std::shared_ptr<Claiming>& work, const Page& page);
  static void go_on(const std::shared_ptr<Claiming>& work, std::optional<MailId> next);
};

void Claiming::find(const std::shared_ptr<Claiming>& work) {
  if (!work->query.fits) return attempt(work, {});
  list_mail(work->resources, work->mailbox, work->query, [work](Result<Page> page) {
    if (!page) return work->done(std::unexpected(page.error()));
    work->has_fitted |= !page->mails.empty();
    if (!work->has_fitted && page->newest) work->none_until = page->newest;
    if (!page->mails.empty()) return attempt(work, *page);
    go_on(work, page->next);
  });
}

void Claiming::attempt(const std::shared_ptr<Claiming>& work, const Page& page) {
  const std::string inbox = inbox_key(work->mailbox);
  const std::string claimed = claimed_key(work->mailbox);
  const std::string prefix = mail_prefix(work->mailbox);
  const std::array<std::string_view, 2> keys = {inbox, claimed};
  std::vector<std::string> ids;
  for (const ListedMail& mail : page.mails) ids.push_back(mail.id.stream_id());
  std::vector<std::string_view> arguments = {prefix, kLeaseMs, work->first};
  arguments.insert(arguments.end(), ids.begin(), ids.end());
  work->resources.redis.run_script(claim_script(), keys, arguments,
                                   [work, next = page.next](Result<redis::Reply> reply) {
                                     if (!reply) return work->done(std::unexpected(reply.error()));
                                     if (auto found = read_claimed(work->resources.frames, *reply))
                                       return work->done(Claim{std::move(found), {}});
                                     const milliseconds left{reply->integer()};
                                     if (left.count() > 0)
                                       work->free_in = std::min(work->free_in.value_or(left), left);
                                     go_on(work, next);
                                   });
}

void Claiming::go_on(const std::shared_ptr<Claiming>& work, std::optional<MailId> next) {
  if (!next) return work->done(Claim{{}, work->free_in, work->none_until});
  work->query.after = next;
  find(work);
}

}  // namespace

void RedisClaims::claim(std::string_view mailbox, const ListQuery& query,
                        std::function<void(Result<Claim>)> done) {
  auto work = std::make_shared<Claiming>(Claiming{.resources = resources_,
                                                  .mailbox = std::string(mailbox),
                                                  .first = range_start(query, resources_.retention),
                                                  .query = query,
                                                  .done = std::move(done),
                                                  .free_in = {}});
  work->query.limit = kBatch;
  work->query.with_bodies = false;
  work->query.oldest_first = true;
  Claiming::find(work);
}

void RedisClaims::acknowledge(std::string_view mailbox, const MailId& id, std::string_view lease,
                              std::function<void(Result<bool>)> done) {
  remove_mail(resources_.redis, mailbox, id, lease, std::move(done));
}

void RedisClaims::release(std::string_view mailbox, const MailId& id, std::string_view lease,
                          std::function<void(Result<bool>)> done) {
  resources_.redis.run_script(release_script(), {inbox_key(mailbox), claimed_key(mailbox)},
                              {id.stream_id(), lease},
                              [done = std::move(done)](Result<redis::Reply> reply) {
                                if (!reply) return done(std::unexpected(reply.error()));
                                done(reply->integer() != 0);
                              });
}

}  // namespace restante::store
