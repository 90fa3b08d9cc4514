// SPDX-License-Identifier: ISC
#include "shared/store/survey.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "shared/base/number.h"
#include "shared/store/keys.h"
#include "shared/store/scripts.h"

namespace restante::store {
namespace {

// Mails, and about as many keys, that Redis looks at before it serves others.
constexpr std::size_t kBatch = 100;
constexpr std::string_view kBatchText = "100";

// The keys of all inboxes, batch by batch. The next batch is read once each mailbox of the last one
// has been measured.
struct Survey {
  redis::Client& redis;
  std::function<void(MailboxSize)> each;
  std::function<void(Result<void>)> done;
  std::string cursor = "0";
  std::size_t missing = 0;  // mailboxes that are being measured, and 1 for the batch itself
  std::optional<Error> error;

  static void read(const std::shared_ptr<Survey>& work);
  static void finish_one(const std::shared_ptr<Survey>& work);
};

// One mailbox: a batch of its mails, then the shared frames of that batch.
struct Measurement {
  std::shared_ptr<Survey> survey;
  std::string inbox, prefix;
  MailboxSize size;
  std::string from = "-";
  std::size_t missing = 0;  // replies about frames, and 1 for the batch itself
  bool is_last = false;

  static void read(const std::shared_ptr<Measurement>& work);
  static void add_frame(const std::shared_ptr<Measurement>& work, std::string_view token);
  static void finish_one(const std::shared_ptr<Measurement>& work);
  void note(const Error& error) {
    survey->error = error;
    is_last = true;
  }
};

void Survey::read(const std::shared_ptr<Survey>& work) {
  work->redis.command(
      {"SCAN", work->cursor, "MATCH", inbox_key("*"), "COUNT", kBatchText, "TYPE", "stream"},
      [work](Result<redis::Reply> reply) {
        if (!reply) return work->done(std::unexpected(reply.error()));
        if (reply->size() != 2) return work->done(fail(ErrorKind::kUnavailable, "no keys"));
        work->cursor = reply->at(0).text();
        const redis::Reply keys = reply->at(1);
        work->missing = keys.size() + 1;
        for (std::size_t i = 0; i < keys.size(); ++i) {
          const std::string mailbox(mailbox_in(keys.at(i).text()));
          Measurement::read(std::make_shared<Measurement>(
              Measurement{.survey = work,
                          .inbox = inbox_key(mailbox),
                          .prefix = mail_prefix(mailbox),
                          .size = {.mailbox = mailbox, .newest = {}}}));
        }
        finish_one(work);
      });
}

void Survey::finish_one(const std::shared_ptr<Survey>& work) {
  if (--work->missing != 0) return;
  if (work->error) return work->done(std::unexpected(*work->error));
  if (work->cursor == "0") return work->done({});
  read(work);
}

void Measurement::read(const std::shared_ptr<Measurement>& work) {
  work->survey->redis.run_script(
      measure_script(), {work->inbox}, {work->prefix, work->from, kBatchText},
      [work](Result<redis::Reply> reply) {
        work->missing = 1;
        if (!reply) {
          work->note(reply.error());
        } else if (reply->size() < 3 || reply->at(0).integer() == 0) {
          work->is_last = true;
        } else {
          const auto mails = static_cast<std::size_t>(reply->at(0).integer());
          const std::string_view last = reply->at(2).text();
          work->size.mails += mails;
          work->size.bytes += static_cast<std::uint64_t>(reply->at(1).integer());
          work->size.newest = MailId::from_stream(last).value_or(work->size.newest);
          work->from = "(" + std::string(last);
          work->is_last = mails < kBatch;
          for (std::size_t i = 3; i < reply->size(); ++i) add_frame(work, reply->at(i).text());
        }
        finish_one(work);
      });
}

// The share is that of one of those who refer to the frame. It may be gone meanwhile.
void Measurement::add_frame(const std::shared_ptr<Measurement>& work, std::string_view token) {
  redis::Client& redis = work->survey->redis;
  const std::string key = frame_key(token);
  ++work->missing;
  redis.command({"MEMORY", "USAGE", key, "SAMPLES", "0"}, [=, &redis](Result<redis::Reply> usage) {
    if (!usage) {
      work->note(usage.error());
      return finish_one(work);
    }
    const auto bytes = static_cast<std::uint64_t>(usage->integer());
    redis.command({"HGET", key, "refs"}, [=](Result<redis::Reply> references) {
      if (references) {
        const auto count = parse_number<std::uint64_t>(references->text()).value_or(0);
        work->size.bytes += bytes / std::max<std::uint64_t>(count, 1);
      } else {
        work->note(references.error());
      }
      finish_one(work);
    });
  });
}

void Measurement::finish_one(const std::shared_ptr<Measurement>& work) {
  if (--work->missing != 0) return;
  if (!work->is_last) return read(work);
  if (work->size.mails > 0 && !work->survey->error) work->survey->each(std::move(work->size));
  Survey::finish_one(work->survey);
}

}  // namespace

void survey_mailboxes(redis::Client& redis, std::function<void(MailboxSize)> each,
                      std::function<void(Result<void>)> done) {
  Survey::read(std::make_shared<Survey>(
      Survey{.redis = redis, .each = std::move(each), .done = std::move(done), .error = {}}));
}

}  // namespace restante::store
