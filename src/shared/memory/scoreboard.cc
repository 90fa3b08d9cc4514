// SPDX-License-Identifier: ISC
#include "shared/memory/scoreboard.h"

#include <algorithm>
#include <ctime>

#include "shared/base/table.h"

namespace restante::memory {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr CountType kCounter = CountType::kCounter, kGauge = CountType::kGauge;

// clang-format off
constexpr std::array<CountInfo, kCounts> kTable = {{
    {Count::kMailsStored, kCounter, "restante_mails_stored_total", "", "mails",
     "Messages that were stored for every recipient and answered 250."},
    {Count::kMailRecipients, kCounter, "restante_mail_recipients_total", "", "recipients",
     "Recipients of the messages that were stored."},
    {Count::kMailBytes, kCounter, "restante_mail_received_bytes_total", "", "bytes",
     "Bytes of the messages that were stored, each counted once."},
    {Count::kMailsDeferred, kCounter, "restante_mails_deferred_total", "", "replies",
     "Replies 451 and 452 to commands that would have moved a mail, and to messages."},
    {Count::kRefusedForNow, kCounter, "restante_smtp_refused_total", "reply=\"4xx\"", "replies",
     "Refusals of commands that would have moved a mail, and of messages."},
    {Count::kRefusedForGood, kCounter, "restante_smtp_refused_total", "reply=\"5xx\"", "replies", ""},
    {Count::kSmtpRateLimited, kCounter, "restante_smtp_rate_limited_total", "", "replies",
     "Replies 450: the sender has used up its rate."},
    {Count::kSmtpAccepted, kCounter, "restante_smtp_connections_total", "result=\"accepted\"", "connections",
     "SMTP clients that came."},
    {Count::kSmtpTurnedAway, kCounter, "restante_smtp_connections_total", "result=\"refused\"", "connections", ""},
    {Count::kTlsDone, kCounter, "restante_smtp_tls_handshakes_total", "result=\"ok\"", "handshakes",
     "TLS handshakes after STARTTLS."},
    {Count::kTlsFailed, kCounter, "restante_smtp_tls_handshakes_total", "result=\"failed\"", "handshakes", ""},
    {Count::kHttpAccepted, kCounter, "restante_http_connections_total", "result=\"accepted\"", "connections",
     "HTTP and HTTPS clients that came."},
    {Count::kHttpTurnedAway, kCounter, "restante_http_connections_total", "result=\"refused\"", "connections", ""},
    {Count::kApi2xx, kCounter, "restante_api_requests_total", "status=\"2xx\"", "requests",
     "HTTP and HTTPS requests that were answered, by class of status."},
    {Count::kApi3xx, kCounter, "restante_api_requests_total", "status=\"3xx\"", "requests", ""},
    {Count::kApi4xx, kCounter, "restante_api_requests_total", "status=\"4xx\"", "requests", ""},
    {Count::kApi5xx, kCounter, "restante_api_requests_total", "status=\"5xx\"", "requests", ""},
    {Count::kApiRateLimited, kCounter, "restante_api_rate_limited_total", "", "requests",
     "Requests answered 429: the client has used up its rate."},
    {Count::kMailsClaimed, kCounter, "restante_mails_claimed_total", "", "mails",
     "Messages that were claimed, sent, and so removed."},
    {Count::kRedisErrors, kCounter, "restante_redis_errors_total", "", "commands",
     "Commands to Redis that failed, or found it away."},
    {Count::kParserLosses, kCounter, "restante_parser_losses_total", "", "losses",
     "Times that a worker lost its connection to a parser, or found it too slow."},
    {Count::kSmtpOpen, kGauge, "restante_connections", "protocol=\"smtp\"", "connections",
     "Connections that are open."},
    {Count::kHttpOpen, kGauge, "restante_connections", "protocol=\"http\"", "connections", ""},
    {Count::kApiWaiting, kGauge, "restante_api_waiting_requests", "", "requests",
     "Requests with wait= that are held."},
    {Count::kApiStreams, kGauge, "restante_api_event_streams", "", "streams",
     "Streams of events that are open."},
}};
// clang-format on

static_assert(rows_in_order(kTable, &CountInfo::count));

constexpr std::array<LatencyInfo, kLatencies> kLatencyTable = {{
    {Latency::kDelivery, "restante_delivery_duration_seconds",
     "From the end of a message to Redis' confirmation, for those that were stored."},
    {Latency::kApiRequest, "restante_api_request_duration_seconds",
     "From a request to its answer, but for requests that were held: wait= and attachments."},
}};

constexpr std::array<std::string_view, kStates> kStateNames = {"free", "starting", "ready",
                                                               "draining"};

// A word of memory that another version may have written.
template <class Enum>
Enum as_enum(const ScoreWord& word, std::size_t count) {
  const std::uint64_t value = word.load(kRelaxed);
  return static_cast<Enum>(value < count ? value : 0);
}

// A time, in s or ms, with which one can calculate whatever stands in the word.
constexpr std::uint64_t kLastTime = 253'402'300'799'000;  // the end of the year 9999 in ms
std::uint64_t as_time(const ScoreWord& word) { return std::min(word.load(kRelaxed), kLastTime); }

}  // namespace

std::span<const CountInfo, kCounts> all_counts() { return kTable; }
std::span<const LatencyInfo, kLatencies> all_latencies() { return kLatencyTable; }
std::string_view state_name(ProcessState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

Counters::Counters() : own_(std::make_shared<ScoreSlot>()), slot_(own_.get()) {}

void Counters::observe(Latency latency, std::chrono::microseconds took) const {
  const auto index = static_cast<std::size_t>(latency);
  const auto time = static_cast<std::uint64_t>(took.count());
  const auto* const end = std::ranges::lower_bound(kBucketEnds, time);
  // Killed in between, the sum lacks one time; how many there were is the sum of the buckets.
  grow(slot_->buckets[index][static_cast<std::size_t>(end - kBucketEnds.begin())], 1);
  grow(slot_->microseconds[index], time);
}

std::optional<std::size_t> Scoreboard::acquire(Program role, std::uint64_t number,
                                               std::uint64_t generation) const {
  const auto found = std::ranges::find_if(memory_->slots, [](const ScoreSlot& slot) {
    return as_enum<ProcessState>(slot.state, kStates) == ProcessState::kFree;
  });
  if (found == memory_->slots.end()) return std::nullopt;
  found->role.store(static_cast<std::uint64_t>(role), kRelaxed);
  found->number.store(number, kRelaxed);
  found->generation.store(generation, kRelaxed);
  found->started_at.store(static_cast<std::uint64_t>(std::time(nullptr)), kRelaxed);
  found->state.store(static_cast<std::uint64_t>(ProcessState::kStarting),
                     std::memory_order_release);
  return static_cast<std::size_t>(found - memory_->slots.begin());
}

void Scoreboard::started(std::size_t slot, std::uint64_t pid) const {
  memory_->slots.at(slot).pid.store(pid, kRelaxed);
}

void Scoreboard::is_now(std::size_t slot, ProcessState state) const {
  memory_->slots.at(slot).state.store(static_cast<std::uint64_t>(state), kRelaxed);
}

void Scoreboard::release(std::size_t slot) const {
  ScoreSlot& left = memory_->slots.at(slot);
  for (const CountInfo& info : kTable) {
    if (info.type == kGauge) left.counts[static_cast<std::size_t>(info.count)].store(0, kRelaxed);
  }
  left.pid.store(0, kRelaxed);
  left.heartbeat.store(0, kRelaxed);
  left.state.store(static_cast<std::uint64_t>(ProcessState::kFree), std::memory_order_release);
}

Counters Scoreboard::counters(std::optional<std::size_t> slot) const {
  if (!slot || *slot >= kScoreSlots) return {};
  return Counters(memory_->slots[*slot]);
}

bool Scoreboard::others_have_fewer(std::optional<std::size_t> slot, Count count) const {
  if (!slot || *slot >= kScoreSlots) return false;
  constexpr auto kReady = static_cast<std::uint64_t>(ProcessState::kReady);
  const auto index = static_cast<std::size_t>(count);
  const ScoreSlot& own = memory_->slots[*slot];
  const std::uint64_t number = own.counts[index].load(kRelaxed);
  const std::uint64_t role = own.role.load(kRelaxed);
  return std::ranges::any_of(memory_->slots, [&](const ScoreSlot& other) {
    return other.state.load(kRelaxed) == kReady && other.role.load(kRelaxed) == role &&
           other.counts[index].load(kRelaxed) < number;
  });
}

Score Scoreboard::read() const {
  Score score;
  for (std::size_t i = 0; i < kScoreSlots; ++i) {
    const ScoreSlot& slot = memory_->slots[i];
    for (std::size_t c = 0; c < kCounts; ++c) score.counts[c] += slot.counts[c].load(kRelaxed);
    for (std::size_t l = 0; l < kLatencies; ++l) {
      for (std::size_t b = 0; b < kBuckets; ++b) {
        score.latencies[l].buckets[b] += slot.buckets[l][b].load(kRelaxed);
      }
      score.latencies[l].microseconds += slot.microseconds[l].load(kRelaxed);
    }
    const auto state = as_enum<ProcessState>(slot.state, kStates);
    if (state == ProcessState::kFree) continue;
    const auto of = [&slot](Count count) {
      return slot.counts[static_cast<std::size_t>(count)].load(kRelaxed);
    };
    score.processes.push_back({.slot = i,
                               .role = as_enum<Program>(slot.role, kPrograms),
                               .state = state,
                               .pid = slot.pid.load(kRelaxed),
                               .number = slot.number.load(kRelaxed),
                               .generation = slot.generation.load(kRelaxed),
                               .started_at = as_time(slot.started_at),
                               .heartbeat = std::chrono::milliseconds(as_time(slot.heartbeat)),
                               .open = of(Count::kSmtpOpen) + of(Count::kHttpOpen)});
  }
  return score;
}

}  // namespace restante::memory
