// SPDX-License-Identifier: ISC
// The text that Prometheus reads.
#include "apid/api/metrics.h"

#include <string>
#include <string_view>

#include "shared/base/program.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::apid;

memory::Score example() {
  memory::Score score;
  score.counts[static_cast<std::size_t>(memory::Count::kMailsStored)] = 7;
  score.counts[static_cast<std::size_t>(memory::Count::kRefusedForGood)] = 2;
  score.latencies[0].buckets[0] = 3;
  score.latencies[0].buckets[2] = 1;
  score.latencies[0].buckets[memory::kBuckets - 1] = 1;
  score.latencies[0].microseconds = 12'345'000;
  score.processes.push_back({.slot = 0,
                             .role = Program::kApid,
                             .state = memory::ProcessState::kReady,
                             .pid = 1,
                             .number = 0,
                             .generation = 1,
                             .started_at = 0,
                             .heartbeat = {},
                             .open = 0});
  return score;
}

std::string text(std::uint64_t expiry = 1'800'000'000) {
  return format_metrics(example(), {.version = "9.9",
                                    .redis_up = false,
                                    .redis_full = true,
                                    .redis_risks = redis::bit_of(redis::Risk::kNoLog),
                                    .started_at = 1'700'000'000,
                                    .certificate_expiry = expiry,
                                    .deaths = 5,
                                    .reloads = 0,
                                    .failed_reloads = 0});
}

void expect(const std::string& all, std::string_view piece) {
  if (!all.contains(piece)) fail_test("not in it: " + std::string(piece) + "\n" + all);
}

TEST(samples_stand_behind_their_help_and_type) {
  const std::string all = text();
  expect(all,
         "# HELP restante_mails_stored_total Messages that were stored for every recipient and "
         "answered 250.\n# TYPE restante_mails_stored_total counter\n"
         "restante_mails_stored_total 7\n");
  expect(all,
         "# TYPE restante_smtp_refused_total counter\n"
         "restante_smtp_refused_total{reply=\"4xx\"} 0\n"
         "restante_smtp_refused_total{reply=\"5xx\"} 2\n");
  expect(all, "\nrestante_build_info{version=\"9.9\"} 1\n");
  expect(all, "\nrestante_redis_up 0\n");
  expect(all, "\nrestante_redis_full 1\n");
  expect(all, "\nrestante_redis_unsafe{problem=\"no_log\"} 1\n");
  expect(all, "\nrestante_redis_unsafe{problem=\"eviction\"} 0\n");
  expect(all, "\nrestante_start_time_seconds 1700000000\n");
  expect(all, "\nrestante_worker_deaths_total 5\n");
  expect(all, "\nrestante_workers{role=\"apid\",state=\"ready\"} 1\n");
  expect(all, "\nrestante_workers{role=\"smtpd\",state=\"ready\"} 0\n");
}

TEST(a_bucket_holds_those_below_it_too) {
  const std::string all = text();
  expect(all,
         "# TYPE restante_delivery_duration_seconds histogram\n"
         "restante_delivery_duration_seconds_bucket{le=\"0.001\"} 3\n"
         "restante_delivery_duration_seconds_bucket{le=\"0.0025\"} 3\n"
         "restante_delivery_duration_seconds_bucket{le=\"0.005\"} 4\n");
  expect(all,
         "restante_delivery_duration_seconds_bucket{le=\"10\"} 4\n"
         "restante_delivery_duration_seconds_bucket{le=\"+Inf\"} 5\n"
         "restante_delivery_duration_seconds_sum 12.345\n"
         "restante_delivery_duration_seconds_count 5\n");
}

TEST(a_certificate_that_says_no_end_has_no_sample) {
  expect(text(), "\nrestante_certificate_expiry_timestamp_seconds 1800000000\n");
  assert_false(text(0).contains("certificate_expiry"));
}

}  // namespace
