// SPDX-License-Identifier: ISC
#include "apid/api/metrics.h"

#include <fmt/core.h>

#include <array>
#include <iterator>

#include "shared/base/program.h"

namespace restante::apid {
namespace {

class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    add("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <class Value>
  void sample(std::string_view name, std::string_view labels, Value value) {
    if (labels.empty()) return add("{} {}\n", name, value);
    add("{}{{{}}} {}\n", name, labels, value);
  }
  template <class Value>
  void only(std::string_view name, std::string_view type, std::string_view help, Value value) {
    family(name, type, help);
    sample(name, "", value);
  }
  [[nodiscard]] std::string extract() { return std::move(text_); }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  std::string text_;
};

double seconds(std::uint64_t microseconds) { return static_cast<double>(microseconds) / 1e6; }

void add_counts(Exposition& out, const memory::Score& score) {
  std::string_view family;
  for (const memory::CountInfo& info : memory::all_counts()) {
    if (info.name != family) {
      out.family(info.name, info.type == memory::CountType::kCounter ? "counter" : "gauge",
                 info.help);
    }
    family = info.name;
    out.sample(info.name, info.labels, score.of(info.count));
  }
}

// The buckets are cumulative: each counts all values up to its end.
void add_latency(Exposition& out, const memory::LatencyInfo& info,
                 const memory::Histogram& histogram) {
  out.family(info.name, "histogram", info.help);
  const std::string bucket = fmt::format("{}_bucket", info.name);
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < memory::kBuckets; ++i) {
    so_far += histogram.buckets[i];
    const std::string end = i < memory::kBucketEnds.size()
                                ? fmt::format("{}", seconds(memory::kBucketEnds[i]))
                                : "+Inf";
    out.sample(bucket, fmt::format("le=\"{}\"", end), so_far);
  }
  out.sample(fmt::format("{}_sum", info.name), "", seconds(histogram.microseconds));
  out.sample(fmt::format("{}_count", info.name), "", so_far);
}

// States without a process are listed with 0, so that a sum over states always has a value.
void add_workers(Exposition& out, const memory::Score& score) {
  std::array<std::array<std::uint64_t, memory::kStates>, kPrograms> processes{};
  for (const memory::ProcessScore& process : score.processes) {
    ++processes[static_cast<std::size_t>(process.role)][static_cast<std::size_t>(process.state)];
  }
  out.family("restante_workers", "gauge", "Processes by role and state.");
  for (const Program role : {Program::kSmtpd, Program::kApid, Program::kMimed}) {
    for (const memory::ProcessState state :
         {memory::ProcessState::kStarting, memory::ProcessState::kReady,
          memory::ProcessState::kDraining}) {
      out.sample(
          "restante_workers",
          fmt::format("role=\"{}\",state=\"{}\"", program_name(role), memory::state_name(state)),
          processes[static_cast<std::size_t>(role)][static_cast<std::size_t>(state)]);
    }
  }
}

}  // namespace

std::string format_metrics(const memory::Score& score, const ServiceState& state) {
  Exposition out;
  add_counts(out, score);
  for (const memory::LatencyInfo& info : memory::all_latencies()) {
    add_latency(out, info, score.latencies[static_cast<std::size_t>(info.latency)]);
  }
  add_workers(out, score);
  out.only("restante_worker_deaths_total", "counter",
           "Processes that ended without having been told to, and were started again.",
           state.deaths);
  out.family("restante_reloads_total", "counter", "Times that the configuration was read again.");
  out.sample("restante_reloads_total", "result=\"ok\"", state.reloads);
  out.sample("restante_reloads_total", "result=\"failed\"", state.failed_reloads);
  out.family("restante_build_info", "gauge", "Always 1; the version that runs.");
  out.sample("restante_build_info", fmt::format("version=\"{}\"", state.version), 1);
  out.only("restante_redis_up", "gauge", "0 while Redis is away.", state.redis_up ? 1 : 0);
  out.only("restante_redis_full", "gauge",
           "1 while more than nine tenths of Redis' memory are used: mail is deferred.",
           state.redis_full ? 1 : 0);
  out.family("restante_redis_unsafe", "gauge",
             "1 while Redis could lose mail, or fill the machine, by this; restantectl check says "
             "what to change.");
  for (std::size_t i = 0; i < redis::kRisks; ++i) {
    const auto risk = static_cast<redis::Risk>(i);
    out.sample("restante_redis_unsafe", fmt::format("problem=\"{}\"", redis::risk_name(risk)),
               (state.redis_risks & bit_of(risk)) != 0 ? 1 : 0);
  }
  out.only("restante_start_time_seconds", "gauge", "When the master was started, in Unix time.",
           state.started_at);
  if (state.certificate_expiry != 0) {
    out.only("restante_certificate_expiry_timestamp_seconds", "gauge",
             "When the first TLS certificate expires, in Unix time.", state.certificate_expiry);
  }
  return out.extract();
}

std::string metrics_text(const memory::Segment& segment) {
  const memory::Scoreboard board = segment.scoreboard();
  const memory::ScoreHead& head = board.head();
  const memory::RedisOutage& redis = segment.redis_outage();
  return format_metrics(board.read(), {.version = segment.program_version(),
                                       .redis_up = redis.away.load() == 0,
                                       .redis_full = redis.nearly_full.load() != 0,
                                       .redis_risks = redis.risks.load(),
                                       .started_at = head.started_at.load(),
                                       .certificate_expiry = head.certificate_expiry.load(),
                                       .deaths = head.deaths.load(),
                                       .reloads = head.reloads.load(),
                                       .failed_reloads = head.failed_reloads.load()});
}

}  // namespace restante::apid
