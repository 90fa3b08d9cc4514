// SPDX-License-Identifier: ISC
// From the final dot to Redis' confirmation: parse, compress, one atomic write per mailbox.
#include "smtpd/delivery.h"

#include <new>
#include <utility>

#include "shared/message.h"
#include "smtpd/fingerprint.h"

namespace restante::smtpd {

namespace {

// The same mail to one mailbox under two of our domains is two deliveries.
std::string fingerprint_for(const Address& recipient, std::string_view digest) {
  return fmt::format("{}@{}", digest, recipient.domain);
}

}  // namespace

struct Delivery::Job {
  Deliver mail;
  Done done;
  Fragments fragments;
  std::string digest;
  std::size_t size;  // of the data as it came
  std::size_t writes_left = 0;
  DeliveryReport report{Reply::kOk, false, {}};
};

Delivery::Delivery(MimeClient& mime, MailStore& store)
    : mime_(mime), store_(store), compressor_(ZSTD_createCCtx()) {
  if (compressor_ == nullptr) throw std::bad_alloc();
}

void Delivery::start(Deliver mail, Done done) {
  auto job = std::make_shared<Job>();
  job->mail = std::move(mail);
  job->done = std::move(done);
  job->size = job->mail.data.size();
  ++under_way_;
  bytes_held_ += job->size;
  mime_.parse(job->mail.data, [this, job](std::optional<Fragments> fragments) {
    job->report.parse_error = !fragments;
    job->fragments = fragments ? std::move(*fragments)
                               : make_fragments({.size = job->size, .parse_error = true});
    store(job);
  });
}

void Delivery::store(const std::shared_ptr<Job>& job) {
  const Envelope& envelope = job->mail.envelope;
  const std::string from = envelope.reverse_path.text();
  job->digest = fingerprint(from, job->mail.data);
  const std::string raw = compress(job->mail.data);
  job->mail.data = {};
  job->writes_left = envelope.recipients.size() + 1;
  const auto count_down = [this, job](const Result<void>& stored) {
    if (!stored) {
      const bool full = stored.error().kind == ErrorKind::kFull;
      // When the two meet, "full" tells the postmaster more.
      if (job->report.reply != Reply::kStoreFull) {
        job->report.reply = full ? Reply::kStoreFull : Reply::kStoreAway;
        job->report.reason = stored.error().what;
      }
    }
    if (--job->writes_left == 0) finish(*job);
  };
  for (const Address& recipient : envelope.recipients) {
    const std::string summary = envelope_fragment(from, recipient.text()) + job->fragments.summary;
    store_.put({.mailbox = mailbox_key(recipient.local),
                .token = random_token(),
                .fingerprint = fingerprint_for(recipient, job->digest),
                .summary = summary,
                .bodies = job->fragments.bodies,
                .raw = raw},
               count_down);
  }
  count_down({});
}

void Delivery::finish(Job& job) {
  // With everything stored and about to be acknowledged, the same bytes may come again as a new
  // mail. Otherwise the fingerprints stay, so that the sender's next try does not show twice.
  if (job.report.reply == Reply::kOk) {
    for (const Address& recipient : job.mail.envelope.recipients) {
      store_.forget(mailbox_key(recipient.local), fingerprint_for(recipient, job.digest));
    }
  }
  --under_way_;
  bytes_held_ -= job.size;
  job.done(job.report);
}

std::string Delivery::compress(std::string_view raw) {
  constexpr int kLevel = 3;
  std::string compressed(ZSTD_compressBound(raw.size()), '\0');
  const std::size_t size = ZSTD_compressCCtx(compressor_.get(), compressed.data(),
                                             compressed.size(), raw.data(), raw.size(), kLevel);
  if (ZSTD_isError(size) != 0) throw std::bad_alloc();
  compressed.resize(size);
  return compressed;
}

}  // namespace restante::smtpd
