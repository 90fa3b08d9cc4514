// SPDX-License-Identifier: ISC
// When a process that ended is started again.
#include "master/restart_policy.h"

#include "testing.h"

namespace restante::master {
namespace {

using Time = RestartPolicy::Time;

TEST(a_process_that_was_ready_is_started_at_once) {
  RestartPolicy policy;
  policy.started(Time(1000));
  assert_int_equal(policy.ended(true, Time(5000)).count(), 5000);
}

TEST(more_than_ten_starts_in_a_second_have_to_wait_for_its_end) {
  RestartPolicy policy;
  for (int i = 0; i < 10; ++i) {
    policy.started(Time(1000 + i));
    const std::int64_t next = policy.ended(true, Time(1000 + i)).count();
    assert_int_equal(next, i < 9 ? 1000 + i : 2000);
  }
  policy.started(Time(2000));
  assert_int_equal(policy.ended(true, Time(2000)).count(), 2001);
}

TEST(a_process_that_never_gets_ready_waits_longer_each_time_up_to_a_minute) {
  RestartPolicy policy;
  for (const int seconds : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    policy.started(Time(0));
    assert_int_equal(policy.ended(false, Time(0)).count(), seconds * 1000);
  }
}

TEST(being_ready_once_ends_the_waiting) {
  RestartPolicy policy;
  for (int i = 0; i < 5; ++i) (void)policy.ended(false, Time(0));
  assert_int_equal(policy.ended(true, Time(9000)).count(), 9000);
  assert_int_equal(policy.ended(false, Time(10'000)).count(), 11'000);
}

}  // namespace
}  // namespace restante::master
