// SPDX-License-Identifier: ISC
#include "ctl/status.h"

#include <algorithm>
#include <ctime>
#include <numeric>
#include <vector>

#include "ctl/text.h"
#include "shared/base/clock.h"
#include "shared/base/program.h"
#include "shared/mail/message.h"

namespace restante::ctl {
namespace {

constexpr std::chrono::seconds kHangsAfter{5};

bool has_pulse(Program role) { return role == Program::kSmtpd || role == Program::kApid; }

std::chrono::milliseconds silence(const Status& status, const memory::ProcessScore& process) {
  if (process.heartbeat.count() > 0) return std::max({}, status.taken - process.heartbeat);
  return std::chrono::seconds(status.now - static_cast<std::int64_t>(process.started_at));
}

class Rates {
 public:
  Rates(const Status& status, const Status* before) : status_(status), before_(before) {
    // Of less than a second there is no rate.
    seconds_ = before == nullptr
                   ? static_cast<double>(std::max<std::int64_t>(1, status.now - status.started_at))
                   : std::chrono::duration<double>(status.taken - before->taken).count();
  }
  [[nodiscard]] double of(memory::Count count) const {
    const std::uint64_t was = before_ == nullptr ? 0 : before_->score.of(count);
    return static_cast<double>(status_.score.of(count) - was) / seconds_;
  }

 private:
  const Status& status_;
  const Status* before_;
  double seconds_;
};

std::string state_text(const Status& status, const memory::ProcessScore& process) {
  return status.hangs(process) ? "hangs" : std::string(memory::state_name(process.state));
}

std::string process_lines(const Status& status) {
  std::string text = "    PID  ROLE          NO  GEN  STATE     OPEN  PULSE    UP\n";
  for (const memory::ProcessScore& process : status.score.processes) {
    const bool beats = has_pulse(process.role) && process.heartbeat.count() > 0;
    const double age = static_cast<double>(silence(status, process).count()) / 1000;
    text += fmt::format("{:7}  {:12} {:3} {:4}  {:8} {:5}  {:7}  {}\n", process.pid,
                        program_name(process.role), process.number, process.generation,
                        state_text(status, process), process.open,
                        beats ? fmt::format("{:.1f} s", age) : "-",
                        span_text(status.now - static_cast<std::int64_t>(process.started_at)));
  }
  return text;
}

std::string latency_text(const memory::Histogram& histogram) {
  const auto half = quantile_ms(histogram, 0.5), most = quantile_ms(histogram, 0.99);
  return half && most ? fmt::format("half within {:g} ms, 99 % within {:g} ms", *half, *most)
                      : "none yet";
}

std::string redis_text(const Status& status) {
  std::string text = status.redis_full ? "; FULL" : "";
  if (const redis::Risks losing = redis::losing(status.redis_risks); losing != 0) {
    text += "; COULD LOSE MAIL (restantectl check): " + redis::risk_names(losing);
  }
  if ((status.redis_risks & bit_of(redis::Risk::kNoLimit)) != 0) {
    text += "; MAY FILL THE MACHINE (restantectl check): no_limit";
  }
  return text;
}

// As JSON.
std::string risk_list(redis::Risks risks) {
  std::string list;
  for (std::size_t i = 0; i < redis::kRisks; ++i) {
    const auto risk = static_cast<redis::Risk>(i);
    if ((risks & bit_of(risk)) == 0) continue;
    list += fmt::format("{}{}", list.empty() ? "" : ",", mail::json_string(redis::risk_name(risk)));
  }
  return "[" + list + "]";
}

// The end of the year 9999 at most.
std::int64_t time_in(const memory::ScoreWord& word) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(word.load(), 253'402'300'799));
}

std::string sandbox_text(const worker::SandboxState& sandbox) {
  if (!sandbox.on) return "OFF";
  const std::string_view open = sandbox.open();
  return open.empty() ? "on" : fmt::format("on; this kernel leaves open: {}", open);
}

std::string certificate_text(const Status& status) {
  if (status.certificate_expiry == 0) return "not known";
  const std::int64_t left = status.certificate_expiry - status.now;
  return left < 0 ? fmt::format("EXPIRED on {}", date_text(status.certificate_expiry))
                  : fmt::format("expires in {}, on {}", span_text(left),
                                date_text(status.certificate_expiry));
}

}  // namespace

bool Status::hangs(const memory::ProcessScore& process) const {
  return has_pulse(process.role) && silence(*this, process) > kHangsAfter;
}

bool Status::has_problem() const {
  return !redis_up || (certificate_expiry != 0 && certificate_expiry < now) ||
         std::ranges::any_of(score.processes, [this](const auto& one) { return hangs(one); });
}

std::string segment_path(const std::string& runtime_dir) { return runtime_dir + "/segment"; }

Status status_of(const memory::Segment& segment) {
  Status status;
  const memory::Scoreboard board = segment.scoreboard();
  const memory::ScoreHead& head = board.head();
  status.version = segment.program_version();
  status.score = board.read();
  status.taken = monotonic_now();  // behind the heartbeats
  status.now = std::time(nullptr);
  status.started_at = time_in(head.started_at);
  status.certificate_expiry = time_in(head.certificate_expiry);
  status.generation = head.generation.load();
  status.deaths = head.deaths.load();
  status.reloads = head.reloads.load();
  status.failed_reloads = head.failed_reloads.load();
  const memory::RedisOutage& redis = segment.redis_outage();
  status.redis_up = redis.away.load() == 0;
  status.redis_full = redis.nearly_full.load() != 0;
  status.redis_risks = redis.risks.load();
  status.sandbox = worker::SandboxState::unpack(head.sandbox.load());
  return status;
}

Result<Status> read_status(const std::string& runtime_dir) {
  pid_t master = 0;
  const auto segment = memory::Segment::open(segment_path(runtime_dir), master);
  if (!segment) return std::unexpected(segment.error());
  Status status = status_of(*segment);
  status.master = master;
  return status;
}

std::optional<double> quantile_ms(const memory::Histogram& histogram, double share) {
  const auto& buckets = histogram.buckets;
  const auto all = std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
  if (all == 0) return std::nullopt;
  double left = share * static_cast<double>(all);
  for (std::size_t i = 0; i < memory::kBucketEnds.size(); ++i) {
    left -= static_cast<double>(buckets[i]);
    if (left <= 0) return static_cast<double>(memory::kBucketEnds[i]) / 1000;
  }
  return static_cast<double>(memory::kBucketEnds.back()) / 1000;
}

std::string status_text(const Status& status, const Status* before) {
  const Rates rates(status, before);
  const auto n = [&](memory::Count count) { return status.score.of(count); };
  std::string text =
      fmt::format("restante {}, pid {}, up {}, generation {}\n", status.version, status.master,
                  span_text(status.now - status.started_at), status.generation);
  text += fmt::format("redis        {}, {} errors{}\n", status.redis_up ? "there" : "AWAY",
                      n(memory::Count::kRedisErrors), redis_text(status));
  text += fmt::format("certificate  {}\n", certificate_text(status));
  text += fmt::format("sandbox      {}\n", sandbox_text(status.sandbox));
  text += fmt::format("mail         {} stored ({:.1f}/s), {} deferred, {} claimed\n",
                      n(memory::Count::kMailsStored), rates.of(memory::Count::kMailsStored),
                      n(memory::Count::kMailsDeferred), n(memory::Count::kMailsClaimed));
  text += fmt::format("delivery     {}\n", latency_text(status.score.latencies[0]));
  text +=
      fmt::format("smtp         {} open, {} came ({:.1f}/s), {} refused; TLS {} ok, {} failed\n",
                  n(memory::Count::kSmtpOpen), n(memory::Count::kSmtpAccepted),
                  rates.of(memory::Count::kSmtpAccepted), n(memory::Count::kSmtpTurnedAway),
                  n(memory::Count::kTlsDone), n(memory::Count::kTlsFailed));
  text += fmt::format("replies      {} of 4yz, {} of 5yz\n", n(memory::Count::kRefusedForNow),
                      n(memory::Count::kRefusedForGood));
  text += fmt::format("api          {} open; 2xx {} ({:.1f}/s), 3xx {}, 4xx {}, 5xx {}\n",
                      n(memory::Count::kHttpOpen), n(memory::Count::kApi2xx),
                      rates.of(memory::Count::kApi2xx), n(memory::Count::kApi3xx),
                      n(memory::Count::kApi4xx), n(memory::Count::kApi5xx));
  text +=
      fmt::format("answers      {}; {} wait, {} streams\n", latency_text(status.score.latencies[1]),
                  n(memory::Count::kApiWaiting), n(memory::Count::kApiStreams));
  text += fmt::format("limits       {} senders' 450, {} clients' 429\n",
                      n(memory::Count::kSmtpRateLimited), n(memory::Count::kApiRateLimited));
  text += fmt::format("faults       {} processes died, {} parsers lost, {} reloads failed\n\n",
                      status.deaths, n(memory::Count::kParserLosses), status.failed_reloads);
  return text + process_lines(status);
}

std::string status_json(const Status& status) {
  std::string processes, counts;
  for (const memory::ProcessScore& process : status.score.processes) {
    const bool beats = has_pulse(process.role) && process.heartbeat.count() > 0;
    processes += fmt::format(
        R"({}{{"pid":{},"role":{},"number":{},"generation":{},"state":{},"connections":{},"heartbeat_age_ms":{},"started_at":{}}})",
        processes.empty() ? "" : ",", process.pid, mail::json_string(program_name(process.role)),
        process.number, process.generation, mail::json_string(state_text(status, process)),
        process.open, beats ? std::to_string(silence(status, process).count()) : "null",
        process.started_at);
  }
  for (const memory::CountInfo& info : memory::all_counts()) {
    const std::string name = info.labels.empty() ? std::string(info.name)
                                                 : fmt::format("{}{{{}}}", info.name, info.labels);
    counts += fmt::format("{}{}:{}", counts.empty() ? "" : ",", mail::json_string(name),
                          status.score.of(info.count));
  }
  return fmt::format(
      R"({{"version":{},"pid":{},"started_at":{},"generation":{},"redis_up":{},"redis_full":{},"redis_risks":{},"sandbox":{},"landlock":{},"certificate_expiry":{},"deaths":{},"reloads":{},"failed_reloads":{},"problem":{},"processes":[{}],"counts":{{{}}}}})",
      mail::json_string(status.version), status.master, status.started_at, status.generation,
      status.redis_up, status.redis_full, risk_list(status.redis_risks), status.sandbox.on,
      status.sandbox.landlock,
      status.certificate_expiry == 0 ? "null" : std::to_string(status.certificate_expiry),
      status.deaths, status.reloads, status.failed_reloads, status.has_problem(), processes,
      counts);
}

}  // namespace restante::ctl
