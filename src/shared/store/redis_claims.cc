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

// What the claim script replies: an entry and its lease.
std::optional<Entry> read_claimed(redis::Reply reply) {
  return reply.size() == 3 ? read_entry(reply.at(0)) : std::nullopt;
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
  Page page = {};  // whose mails are tried
  std::size_t looked_at = 0;
  bool has_fitted = false;

  static void find(const std::shared_ptr<Claiming>& work);
  static void attempt(const std::shared_ptr<Claiming>& work);
  static void fetch_frame(const std::shared_ptr<Claiming>& work, const Entry& entry,
                          std::string lease);
  static void go_on(const std::shared_ptr<Claiming>& work);
  void succeed(MailId id, std::string_view summary, std::string_view frame,
               std::string lease) const;
};

void Claiming::find(const std::shared_ptr<Claiming>& work) {
  if (!work->query.fits) return attempt(work);
  list_mail(work->resources, work->mailbox, work->query, [work](Result<Page> page) {
    if (!page) return work->done(std::unexpected(page.error()));
    work->page = *std::move(page);
    work->looked_at += work->page.looked_at;
    work->has_fitted |= !work->page.mails.empty();
    if (!work->has_fitted && work->page.newest) work->none_until = work->page.newest;
    if (!work->page.mails.empty()) return attempt(work);
    go_on(work);
  });
}

void Claiming::attempt(const std::shared_ptr<Claiming>& work) {
  const std::string inbox = inbox_key(work->mailbox);
  const std::string claimed = claimed_key(work->mailbox);
  const std::string prefix = mail_prefix(work->mailbox);
  const std::array<std::string_view, 2> keys = {inbox, claimed};
  std::vector<std::string> ids;
  for (const ListedMail& mail : work->page.mails) ids.push_back(mail.id.stream_id());
  std::vector<std::string_view> arguments = {prefix, kLeaseMs, work->first};
  arguments.insert(arguments.end(), ids.begin(), ids.end());
  work->resources.redis.run_script(
      claim_script(), keys, arguments, [work](Result<redis::Reply> reply) {
        if (!reply) return work->done(std::unexpected(reply.error()));
        if (const auto entry = read_claimed(*reply)) {
          std::string lease(reply->at(1).text());
          if (!entry->token.empty()) return fetch_frame(work, *entry, std::move(lease));
          return work->succeed(entry->id, entry->summary, reply->at(2).text(), std::move(lease));
        }
        const milliseconds left{reply->integer()};
        if (left.count() > 0) work->free_in = std::min(work->free_in.value_or(left), left);
        go_on(work);
      });
}

// The claim script cannot read a shared frame, whose key belongs to no mailbox.
void Claiming::fetch_frame(const std::shared_ptr<Claiming>& work, const Entry& entry,
                           std::string lease) {
  work->resources.redis.command(
      {"HGET", frame_key(entry.token), "z"},
      [work, id = entry.id, summary = std::string(entry.summary),
       lease = std::move(lease)](Result<redis::Reply> frame) mutable {
        if (!frame) return work->done(std::unexpected(frame.error()));
        if (!frame->is_text()) return attempt(work);  // it is leased now, so another one is found
        work->succeed(id, summary, frame->text(), std::move(lease));
      });
}

void Claiming::succeed(MailId id, std::string_view summary, std::string_view frame,
                       std::string lease) const {
  done(Claim{.claimed = ClaimedMail{.mail = read_mail(resources.frames, id, summary, frame),
                                    .lease = std::move(lease)},
             .free_in = {}});
}

void Claiming::go_on(const std::shared_ptr<Claiming>& work) {
  const bool has_more = work->page.next && work->none_until && work->looked_at >= kScanLimit;
  if (!work->page.next || has_more)
    return work->done(Claim{{}, work->free_in, work->none_until, has_more});
  work->query.after = work->page.next;
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
