// SPDX-License-Identifier: ISC
// Time limits: generous while there is room, short when there is none, and never fooled by drops.
#include "smtpd/protocol/time_limits.h"

#include <string>

#include "testing.h"

namespace {

using namespace restante::smtpd;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr Occupancy kEmpty{0, 1000}, kFull{1000, 1000};
constexpr TimeSettings kDefaults{5min, 100};
constexpr Wait kAll[] = {Wait::kProxyHeader, Wait::kHandshake, Wait::kCommand, Wait::kData,
                         Wait::kReplies};

milliseconds command_limit(std::size_t used) {
  return time_limit(Wait::kCommand, {used, 1000}, 5min);
}

TEST(up_to_half_a_table_there_is_all_the_time_of_the_rfc) {
  for (const Wait kind : {Wait::kCommand, Wait::kData, Wait::kReplies}) {
    assert_true(time_limit(kind, kEmpty, 5min) == 5min);
    assert_true(time_limit(kind, {500, 1000}, 5min) == 5min);
  }
  assert_true(time_limit(Wait::kHandshake, kEmpty, 5min) == 10s);
  assert_true(time_limit(Wait::kProxyHeader, kEmpty, 5min) == 5s);
}

TEST(a_full_table_leaves_ten_seconds_for_a_command) {
  assert_true(command_limit(900) == 10s);
  assert_true(command_limit(1000) == 10s);
  assert_true(command_limit(5000) == 10s);
  assert_true(time_limit(Wait::kCommand, {0, 0}, 5min) == 10s);
  assert_true(command_limit(700) == 155s);
}

TEST(no_limit_grows_with_the_load_or_goes_above_the_setting) {
  for (const Wait kind : kAll) {
    for (std::size_t used = 1; used <= 1000; ++used) {
      assert_true(time_limit(kind, {used, 1000}, 5min) <= time_limit(kind, {used - 1, 1000}, 5min));
      assert_true(time_limit(kind, {used, 1000}, 2s) <= 2s);
      assert_true(time_limit(kind, {used, 1000}, 1s) > 0s);
    }
  }
}

TEST(the_rate_goes_up_to_five_times) {
  assert_int_equal(least_rate(kEmpty, 100), 100);
  assert_int_equal(least_rate({700, 1000}, 100), 300);
  assert_int_equal(least_rate(kFull, 100), 500);
  assert_int_equal(least_rate(kFull, 0), 0);
}

// Asks twice a second, as the sweep does, and gives the client's bytes every `every`. Says when
// the wait was over, and why.
std::string fate(Wait kind, milliseconds every, std::size_t bytes, Occupancy occupancy = kEmpty,
                 TimeSettings settings = kDefaults) {
  WaitLimit patience;
  patience.wait_for(kind, 0s);
  for (milliseconds now = 500ms; now <= 1h; now += 500ms) {
    if (kind == Wait::kData && now % every == 0s) patience.received(bytes, now);
    const std::string_view why = patience.overdue(now, occupancy, settings);
    if (!why.empty()) return std::to_string(now / 1s) + " s: " + std::string(why);
    patience.wait_for(kind, now);
  }
  return "never";
}

TEST(a_command_has_a_deadline_whatever_comes_of_it_before) {
  assert_same(fate(Wait::kCommand, 10s, 1), "300 s: command timeout");
  assert_same(fate(Wait::kCommand, 10s, 1, kFull), "10 s: command timeout");
  assert_same(fate(Wait::kReplies, 10s, 1), "300 s: replies not read");
  assert_same(fate(Wait::kHandshake, 10s, 1), "10 s: TLS handshake too slow");
  assert_same(fate(Wait::kProxyHeader, 10s, 1), "5 s: PROXY header too slow");
  assert_same(fate(Wait::kNothing, 10s, 1), "never");
}

TEST(a_message_may_take_any_time_if_it_comes_fast_enough) {
  assert_same(fate(Wait::kData, 1s, 100), "never");
  assert_same(fate(Wait::kData, 10s, 1000), "never");
  assert_same(fate(Wait::kData, 1s, 500, kFull), "never");
}

TEST(a_message_that_comes_in_drops_is_cut) {
  assert_same(fate(Wait::kData, 10s, 1), "30 s: message below smtp_minimum_rate");
  assert_same(fate(Wait::kData, 1s, 99), "30 s: message below smtp_minimum_rate");
  assert_same(fate(Wait::kData, 1s, 499, kFull), "20 s: message below smtp_minimum_rate");
  assert_same(fate(Wait::kData, 1s, 99, kEmpty, {2s, 100}), "2 s: message below smtp_minimum_rate");
  assert_same(fate(Wait::kData, 1h, 0, kEmpty, {5min, 0}), "300 s: data timeout");
  assert_same(fate(Wait::kData, 10s, 1, kEmpty, {5min, 0}), "never");
}

TEST(whoever_does_what_he_was_waited_for_gets_new_time) {
  WaitLimit patience;
  patience.wait_for(Wait::kCommand, 0s);
  patience.satisfied(200s);
  assert_true(patience.overdue(499s, kEmpty, kDefaults).empty());
  patience.wait_for(Wait::kReplies, 499s);
  assert_true(patience.overdue(798s, kEmpty, kDefaults).empty());
  assert_same(patience.overdue(799s, kEmpty, kDefaults), "replies not read");
}

TEST(silence_is_what_the_client_owes) {
  WaitLimit patience;
  patience.wait_for(Wait::kCommand, 1s);
  assert_true(patience.silence(4s) == 3s);
  patience.satisfied(4s);
  assert_true(patience.silence(5s) == 1s);
  patience.wait_for(Wait::kData, 5s);
  assert_true(patience.silence(9s) == 0s);
  patience.wait_for(Wait::kNothing, 9s);
  assert_true(patience.silence(20s) == 0s);
  patience.wait_for(Wait::kReplies, 20s);
  assert_true(patience.silence(22s) == 2s);
}

}  // namespace
