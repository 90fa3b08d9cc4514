// SPDX-License-Identifier: ISC
#include "smtpd/delivery.h"

#include <utility>

#include "shared/parser/protocol.h"
#include "smtpd/fingerprint.h"
#include "smtpd/protocol/release_memory.h"
#include "smtpd/trace.h"

namespace restante::smtpd {

namespace {

// Bytes that are sent to Redis at once, beside one copy of each mail.
constexpr std::size_t kCopies = std::size_t{16} * 1024 * 1024;
// Small mails that the parsers have at once. With more of them, the turns would be taken in the
// parsers' own queues, where all clients are one.
constexpr std::size_t kParsing = 12;
// Bytes of large mails that are parsed and stored at once, if it is more than one mail. These are
// in memory several times, while the waiting ones are there once.
constexpr std::size_t kAtOnce = std::size_t{8} * 1024 * 1024;

// The same mail to one mailbox under two addresses is two deliveries.
std::string fingerprint_for(const mail::Address& recipient, const mail::MailboxNaming& naming,
                            std::string_view digest) {
  if (digest.empty()) return {};
  return fmt::format("{}:{}", digest, mail::recipient_name(recipient, naming.letters));
}

}  // namespace

Delivery::Share Delivery::share(const Sum& sum, std::size_t part) {
  *sum += part;
  return {sum.get(), [sum, part](void*) { *sum -= part; }};
}

struct Delivery::Job {
  Deliver mail;
  std::string trace;
  mail::Transport transport;
  Done done;
  mail::Fragments fragments;
  std::string digest;  // empty: the delivery has no fingerprint
  store::MailFrame frame;
  std::string token = {};     // of the frame that all recipients share; empty: each has its own
  std::size_t unused = 0;     // references to that frame that no mailbox has taken
  std::size_t asked = 0;      // recipients for whom put() was called
  std::size_t under_way = 0;  // recipients without a reply of Redis
  bool is_asking = false;
  Share counted = {}, held = {}, parsing = {}, in_hand = {};
  DeliveryReport report;
};

Delivery::Delivery(parser::Client& mime, store::Writer& writer, const DurabilityMonitor& durability,
                   const mail::MailboxNaming& naming)
    : mime_(mime), writer_(writer), durability_(durability), naming_(naming) {}

void Delivery::start(const std::string& client, Deliver mail, std::string trace,
                     mail::Transport transport, Done done) {
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
  job->counted = share(under_way_, 1);
  job->held = share(bytes_held_, job->report.bytes);
  if (job->report.bytes <= parser::kInlineLimit) {
    if (small_.empty() && *parsing_ < kParsing) return parse_small(job);
    small_.push(client, std::move(job));
    start_small();
  } else {
    large_.push(client, std::move(job));
    start_large();
  }
}

void Delivery::start_small() {
  while (!small_.empty() && *parsing_ < kParsing) parse_small(small_.pop());
}

void Delivery::parse_small(const std::shared_ptr<Job>& job) {
  job->parsing = share(parsing_, 1);
  parse(job);
}

void Delivery::start_large() {
  while (!large_.empty()) {
    const std::size_t bytes = large_.front()->report.bytes;
    if (*bytes_in_hand_ > 0 && *bytes_in_hand_ + bytes > kAtOnce) return;
    const std::shared_ptr<Job> job = large_.pop();
    job->in_hand = share(bytes_in_hand_, bytes);
    parse(job);
  }
}

void Delivery::parse(const std::shared_ptr<Job>& job) {
  mime_.parse(
      job->mail.data, [this, job](std::expected<mail::Fragments, parser::Failure> fragments) {
        if (job->parsing) {
          job->parsing.reset();
          start_small();
        }
        if (!fragments && fragments.error() == parser::Failure::kUnavailable) {
          job->report.reply = Reply::kParserAway;
          job->report.reason = "no parser was available in time";
          return finish(*job);
        }
        job->fragments =
            fragments ? std::move(*fragments)
                      : mail::make_fragments({.size = job->report.bytes, .parse_error = true});
        job->report.parse_error = job->fragments.parse_error;
        store(job);
      });
}

void Delivery::store(const std::shared_ptr<Job>& job) {
  if (durability_.state() == StoreState::kUnsafe) {  // since MAIL was taken
    job->report.reply = Reply::kStoreUnsafe;
    job->report.reason = "redis_strict: Redis could lose it";
    return finish(*job);
  }
  job->digest = fingerprint(job->report.from, job->mail.data);
  const std::string transport = mail::transport_fragment(job->transport);
  job->frame = frames_.write({.bodies = job->fragments.bodies,
                              .transport = transport,
                              .details = job->fragments.details,
                              .trace = job->trace,
                              .data = job->mail.data});
  release_memory(job->mail.data);
  release_memory(job->fragments.bodies);
  if (job->frame.is_large() && job->mail.envelope.recipients.size() > 1) return store_frame(job);
  store_more(job);
}

void Delivery::store_frame(const std::shared_ptr<Job>& job) {
  const std::size_t recipients = job->mail.envelope.recipients.size();
  writer_.put_frame(job->frame, recipients,
                    [this, job, recipients, sent = share(copies_, job->frame.bytes.size())](
                        const Result<std::string>& token) mutable {
                      sent.reset();
                      if (!token) {
                        note_failure(*job, token.error());
                        return finish(*job);
                      }
                      job->token = *token;
                      job->unused = recipients;
                      store_more(job);
                    });
  release_memory(job->frame.bytes);
}

// Unless they share a frame, a copy for each mailbox is sent to Redis: those of a mail below the
// limits of is_large() all at once, as far as there is room. After a failure no further copy is
// sent, because the sender will try again.
void Delivery::store_more(const std::shared_ptr<Job>& job) {
  const std::vector<mail::Address>& recipients = job->mail.envelope.recipients;
  const std::size_t copy = job->frame.bytes.size();
  job->is_asking = true;
  while (job->asked < recipients.size() && job->report.reply == Reply::kOk &&
         (job->under_way == 0 || *copies_ + copy <= kCopies)) {
    ++job->under_way;
    put(job, recipients[job->asked++]);
  }
  job->is_asking = false;
  if (job->under_way == 0) conclude(*job);
}

void Delivery::put(const std::shared_ptr<Job>& job, const mail::Address& recipient) {
  std::string to = recipient.text();
  const std::string summary =
      mail::envelope_fragment(job->report.from, to, mail::cut_tag(recipient, naming_)) +
      job->fragments.summary;
  writer_.put({.mailbox = mail::mailbox_key(mail::mailbox_name(recipient, naming_)),
               .fingerprint = fingerprint_for(recipient, naming_, job->digest),
               .summary = summary,
               .frame = job->frame,
               .token = job->token},
              [this, job, to = std::move(to), sent = share(copies_, job->frame.bytes.size())](
                  const Result<store::StoredNow>& outcome) mutable {
                note(*job, to, outcome);
                --job->under_way;
                sent.reset();
                if (!job->is_asking) store_more(job);
              });
}

void Delivery::note(Job& job, const std::string& to, const Result<store::StoredNow>& outcome) {
  if (outcome) {
    job.report.stored.push_back({to, outcome->id.text()});
    if (!outcome->is_repeated && job.unused > 0) --job.unused;
  } else {
    // A mailbox whose outcome is unknown may refer to the frame.
    if (outcome.error().kind != ErrorKind::kFull && job.unused > 0) --job.unused;
    note_failure(job, outcome.error());
  }
}

void Delivery::note_failure(Job& job, const Error& error) {
  if (job.report.reply == Reply::kStoreFull) return;  // tells the postmaster more than "away"
  const bool full = error.kind == ErrorKind::kFull;
  job.report.reply = full ? Reply::kStoreFull : Reply::kStoreAway;
  job.report.reason = error.what;
}

void Delivery::conclude(Job& job) {
  // When everything is stored and about to be acknowledged, the same bytes may arrive again as a
  // new mail. Otherwise the fingerprints stay, so that the sender's next try is not stored twice.
  if (job.report.reply == Reply::kOk && !job.digest.empty()) {
    for (const mail::Address& recipient : job.mail.envelope.recipients) {
      writer_.forget(mail::mailbox_key(mail::mailbox_name(recipient, naming_)),
                     fingerprint_for(recipient, naming_, job.digest));
    }
  }
  if (job.unused > 0) writer_.release_frame(job.token, job.unused);
  finish(job);
}

// Each entry has an envelope beside the frame, about so many bytes.
void Delivery::finish(Job& job) {
  constexpr std::size_t kEntry = 500;
  const std::size_t entries = job.report.stored.size(), frames = job.token.empty() ? entries : 1;
  job.report.bytes_in_store = entries * kEntry + frames * job.frame.size;
  job.counted.reset();
  job.held.reset();
  const bool was_large = job.in_hand != nullptr;
  job.in_hand.reset();
  job.done(job.report);
  if (was_large) start_large();
}

}  // namespace restante::smtpd
