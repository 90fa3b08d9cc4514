// SPDX-License-Identifier: ISC
// From the final dot to Redis' confirmation: parse, compress, one atomic write per mailbox.
#include "smtpd/delivery.h"

#include <new>
#include <utility>

#include "smtpd/fingerprint.h"
#include "smtpd/give_back.h"
#include "smtpd/trace.h"

namespace restante::smtpd {

namespace {

// The same mail to one mailbox under two addresses is two deliveries.
std::string fingerprint_for(const Address& recipient, const MailboxNaming& naming,
                            std::string_view digest) {
  if (digest.empty()) return {};
  return fmt::format("{}:{}", digest, recipient_name(recipient, naming.letters));
}

}  // namespace

struct Delivery::Job {
  Deliver mail;
  std::string trace;
  Transport transport;
  Done done;
  Fragments fragments;
  std::string digest;  // empty: this mail cannot be told from another one like it
  std::size_t writes_left = 0;
  DeliveryReport report;
};

Delivery::Delivery(MimeClient& mime, MailStore& store, const RedisGuard& guard,
                   const MailboxNaming& naming)
    : mime_(mime), store_(store), guard_(guard), naming_(naming), compressor_(ZSTD_createCCtx()) {
  if (compressor_ == nullptr) throw std::bad_alloc();
}

void Delivery::start(Deliver mail, std::string trace, Transport transport, Done done) {
  auto job = std::make_shared<Job>();
  job->mail = std::move(mail);
  job->mail.data = without_return_path(std::move(job->mail.data));
  job->trace = std::move(trace);
  job->transport = std::move(transport);
  job->done = std::move(done);
  job->report.from = job->mail.envelope.reverse_path.text();
  job->report.bytes = job->mail.data.size();
  const BareNewlines& bare = job->mail.envelope.bare_newlines;
  job->report.bare_newlines = bare.lf + bare.cr;
  ++under_way_;
  bytes_held_ += job->report.bytes;
  mime_.parse(job->mail.data, [this, job](std::optional<Fragments> fragments) {
    job->fragments = fragments ? std::move(*fragments)
                               : make_fragments({.size = job->report.bytes, .parse_error = true});
    job->report.parse_error = job->fragments.parse_error;
    store(job);
  });
}

void Delivery::store(const std::shared_ptr<Job>& job) {
  if (guard_.state() == StoreState::kUnsafe) {  // since MAIL was taken
    job->report.reply = Reply::kStoreUnsafe;
    job->report.reason = "redis_strict: Redis could lose it";
    return finish(*job);
  }
  const Envelope& envelope = job->mail.envelope;
  job->digest = fingerprint(job->report.from, job->mail.data);
  const std::string raw = compress(job->trace, job->mail.data);
  give_back(job->mail.data);
  job->writes_left = envelope.recipients.size() + 1;
  for (const Address& recipient : envelope.recipients) {
    std::string to = recipient.text();
    const std::string summary =
        envelope_fragment(job->report.from, to, cut_tag(recipient, naming_)) +
        job->fragments.summary;
    const std::string details =
        details_envelope(job->report.from, to, job->transport) + job->fragments.details;
    store_.put({.mailbox = mailbox_key(mailbox_name(recipient, naming_)),
                .token = random_token(),
                .fingerprint = fingerprint_for(recipient, naming_, job->digest),
                .summary = summary,
                .bodies = job->fragments.bodies,
                .details = details,
                .raw = raw},
               [this, job, to = std::move(to)](const Result<MailId>& id) {
                 note(*job, to, id);
                 count_down(*job);
               });
  }
  count_down(*job);
}

void Delivery::note(Job& job, const std::string& to, const Result<MailId>& id) {
  DeliveryReport& report = job.report;
  if (id) {
    report.stored.push_back({to, id->text()});
  } else if (report.reply != Reply::kStoreFull) {  // which tells the postmaster more than "away"
    const bool full = id.error().kind == ErrorKind::kFull;
    report.reply = full ? Reply::kStoreFull : Reply::kStoreAway;
    report.reason = id.error().what;
  }
}

void Delivery::count_down(Job& job) {
  if (--job.writes_left != 0) return;
  // With everything stored and about to be acknowledged, the same bytes may come again as a new
  // mail. Otherwise the fingerprints stay, so that the sender's next try does not show twice.
  if (job.report.reply == Reply::kOk && !job.digest.empty()) {
    for (const Address& recipient : job.mail.envelope.recipients) {
      store_.forget(mailbox_key(mailbox_name(recipient, naming_)),
                    fingerprint_for(recipient, naming_, job.digest));
    }
  }
  finish(job);
}

void Delivery::finish(Job& job) {
  --under_way_;
  bytes_held_ -= job.report.bytes;
  job.done(job.report);
}

std::string Delivery::compress(std::string_view trace, std::string_view data) {
  constexpr int kLevel = 3;
  ZSTD_CCtx* const context = compressor_.get();
  const std::size_t size = trace.size() + data.size();
  std::string compressed(ZSTD_compressBound(size), '\0');
  ZSTD_CCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setPledgedSrcSize(context, size);
  ZSTD_outBuffer out{compressed.data(), compressed.size(), 0};
  // One frame of the two pieces, which are never put together in memory.
  ZSTD_inBuffer pieces[] = {{trace.data(), trace.size(), 0}, {data.data(), data.size(), 0}};
  if (ZSTD_isError(ZSTD_compressStream2(context, &out, &pieces[0], ZSTD_e_continue)) != 0 ||
      ZSTD_compressStream2(context, &out, &pieces[1], ZSTD_e_end) != 0) {
    throw std::bad_alloc();  // the output has room: nothing else can fail
  }
  compressed.resize(out.pos);
  return compressed;
}

}  // namespace restante::smtpd
