// SPDX-License-Identifier: ISC
// From which moment on the log says that a certificate expires, and with how many days.
#include "master/certificate_expiry.h"

#include "shared/worker/context.h"
#include "testing.h"

namespace {

using namespace restante;

constexpr std::int64_t kDay = 24 * 3600, kExpiry = 1796083200;

TEST(nothing_is_said_until_fourteen_days_before) {
  assert_false(master::expiry_warning(kExpiry, kExpiry - 14 * kDay - 1).has_value());
  assert_false(master::expiry_warning(kExpiry, kExpiry - 90 * kDay).has_value());
  assert_true(master::expiry_warning(kExpiry, kExpiry - 14 * kDay).has_value());
}

TEST(the_days_that_are_left_are_whole_ones) {
  struct Row {
    std::int64_t left, days;
  };
  for (const Row& row :
       {Row{14 * kDay, 14}, Row{14 * kDay - 1, 13}, Row{kDay, 1}, Row{kDay - 1, 0}, Row{1, 0}}) {
    const auto warning = master::expiry_warning(kExpiry, kExpiry - row.left);
    assert_true(warning.has_value() && !warning->expired);
    assert_int_equal(warning->days, row.days);
  }
}

TEST(from_its_last_second_on_it_has_expired) {
  for (const std::int64_t days : {0, 1, 400}) {
    const auto warning = master::expiry_warning(kExpiry, kExpiry + days * kDay);
    assert_true(warning.has_value() && warning->expired);
    assert_int_equal(warning->days, days);
  }
}

TEST(what_is_not_known_is_not_told) {
  assert_false(master::expiry_warning(0, kExpiry).has_value());
}

TEST(the_answer_of_a_check_is_read_back) {
  const auto read = worker::parse_expiry(worker::format_expiry({.index = 1, .time = 1796083200}));
  assert_true(read && read->index == 1 && read->time == 1796083200);
  for (const char* bad : {"", "1", "1 ", " 1", "1 2x", "x 2", "1 2 3"}) {
    assert_false(worker::parse_expiry(bad).has_value());
  }
}

}  // namespace
