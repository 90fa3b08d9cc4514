// SPDX-License-Identifier: ISC
#include "shared/store/listing.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "shared/store/entry.h"
#include "shared/store/keys.h"

namespace restante::store {
namespace {

// What one mail in a list is assumed to need, in bytes.
constexpr std::size_t kEntry = kSmallBodies + kSmallFrame + 1024;
// A query with `fits` reads so many mails at a time.
constexpr std::size_t kScanBatch = 100;

// The end of a range that excludes `id`. For Redis "(0-0" is an error; there is no mail 0-0.
std::string newest_before(MailId id) { return (id == MailId{} ? "" : "(") + id.stream_id(); }

// A page under construction. First one batch of the stream is read, or several when not every mail
// fits; then the bodies of large mails.
struct Listing {
  redis::Client& redis;
  FrameCache& frames;
  ReadBudget& budget;  // for large bodies
  std::string mailbox, inbox;
  std::string newest, oldest;  // the range of ids that has not been read yet
  ListQuery query;
  std::function<void(Result<Page>)> done;

  Page page;
  struct Large {
    std::size_t index;  // in the page
    std::string key;    // of the hash with its frame
  };
  std::vector<Large> large;
  std::uint64_t large_bytes = 0;
  ReadBudget::Reservation room;  // for the batches of the stream
  std::size_t bytes = 0, missing = 0;
  std::optional<Error> error;

  // One mail more than the limit shows whether there is another page.
  [[nodiscard]] std::size_t batch() const { return query.fits ? kScanBatch : query.limit + 1; }
  static void read(const std::shared_ptr<Listing>& work);
  static void fetch_bodies(const std::shared_ptr<Listing>& work);
  bool add(const Entry& entry);
  bool end_page();
  void finish_one();
};

void Listing::read(const std::shared_ptr<Listing>& work) {
  const bool rising = work->query.oldest_first;
  work->redis.command(
      {rising ? "XRANGE" : "XREVRANGE", work->inbox, rising ? work->oldest : work->newest,
       rising ? work->newest : work->oldest, "COUNT", fmt::format("{}", work->batch())},
      [work](Result<redis::Reply> reply) {
        if (!reply) return work->done(std::unexpected(reply.error()));
        std::optional<MailId> last;
        for (std::size_t i = 0; i < reply->size(); ++i) {
          const auto entry = read_entry(reply->at(i));
          if (!entry) continue;
          const bool fits = !work->query.fits || work->query.fits(entry->summary);
          if (fits && !work->add(*entry)) return fetch_bodies(work);
          last = entry->id;
          work->page.newest = std::max(work->page.newest, last);
        }
        work->page.looked_at += reply->size();
        if (!work->query.fits || !last || reply->size() < kScanBatch) return fetch_bodies(work);
        if (work->page.looked_at >= kScanLimit) {
          work->page.next = last;
          return fetch_bodies(work);
        }
        (work->query.oldest_first ? work->oldest : work->newest) = "(" + last->stream_id();
        read(work);
      });
}

// False: the page is full, and the entry is not in it.
bool Listing::add(const Entry& entry) {
  if (page.mails.size() == query.limit) return end_page();
  std::string text;
  if (query.with_bodies && !entry.large_size) text = frames.read(entry.frame).bodies;
  bytes += entry.summary.size() + text.size();
  if (query.with_bodies) bytes += entry.large_size.value_or(0);
  if (bytes > query.page_bytes && !page.mails.empty()) return end_page();
  if (query.with_bodies && entry.large_size) {
    large.push_back({page.mails.size(), hash_key(mailbox, entry.id, entry.token)});
    large_bytes += *entry.large_size;
  }
  page.mails.push_back(
      {.id = entry.id, .summary = std::string(entry.summary), .bodies = std::move(text)});
  return true;
}

bool Listing::end_page() {
  page.next = page.mails.back().id;
  return false;
}

void Listing::fetch_bodies(const std::shared_ptr<Listing>& work) {
  work->missing = work->large.size() + 1;
  if (work->large.empty()) return work->finish_one();
  work->budget.acquire(work->large_bytes, [work](const ReadBudget::Reservation& room) {
    for (const auto& [index, key] : work->large) {
      work->redis.command(
          {"HGET", key, "z"}, [work, room, index = index](Result<redis::Reply> frame) {
            if (!frame) {
              work->error = frame.error();
            } else if (frame->is_text()) {
              work->page.mails[index].bodies = work->frames.read(frame->text()).bodies;
            }
            work->finish_one();
          });
    }
    work->finish_one();
  });
}

void Listing::finish_one() {
  if (--missing != 0) return;
  if (error) return done(std::unexpected(*error));
  // The retention of a mail whose bodies expired between the two reads has passed.
  if (query.with_bodies) {
    std::erase_if(page.mails, [](const ListedMail& mail) { return mail.bodies.empty(); });
  }
  done(std::move(page));
}

}  // namespace

std::string range_start(const ListQuery& query, std::chrono::milliseconds retention) {
  MailId oldest = oldest_mail(retention);
  if (query.since) {
    const auto since = std::chrono::milliseconds(*query.since).count();
    oldest = std::max(oldest, MailId{static_cast<std::uint64_t>(since), 0});
  }
  const bool is_after = query.after && *query.after >= oldest;
  return is_after ? "(" + query.after->stream_id() : oldest.stream_id();
}

void list_mail(ReadResources& resources, std::string_view mailbox, const ListQuery& query,
               std::function<void(Result<Page>)> done) {
  const auto work =
      std::make_shared<Listing>(Listing{.redis = resources.redis,
                                        .frames = resources.frames,
                                        .budget = resources.bodies,
                                        .mailbox = std::string(mailbox),
                                        .inbox = inbox_key(mailbox),
                                        .newest = query.before ? newest_before(*query.before) : "+",
                                        .oldest = range_start(query, resources.retention),
                                        .query = query,
                                        .done = std::move(done),
                                        .page = {},
                                        .large = {},
                                        .room = {},
                                        .error = {}});
  const std::size_t mails = std::max(work->batch(), query.limit);
  resources.lists.acquire(mails * kEntry, [work](ReadBudget::Reservation room) {
    work->room = std::move(room);
    Listing::read(work);
  });
}

}  // namespace restante::store
