// SPDX-License-Identifier: ISC
// From which moment on the log says that a certificate expires, and with how many days.
#include "master/certificate_expiry.h"

#include "shared/worker/context.h"
#include "testing.h"

namespace {

using namespace restante;

constexpr std::int64_t kDay = 24 * 3600, kExpiry = 1796083200;

void nothing_is_said_until_fourteen_days_before(void**) {
  assert_false(master::expiry_warning(kExpiry, kExpiry - 14 * kDay - 1).has_value());
  assert_false(master::expiry_warning(kExpiry, kExpiry - 90 * kDay).has_value());
  assert_true(master::expiry_warning(kExpiry, kExpiry - 14 * kDay).has_value());
}

void the_days_that_are_left_are_whole_ones(void**) {
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

void from_its_last_second_on_it_has_expired(void**) {
  for (const std::int64_t days : {0, 1, 400}) {
    const auto warning = master::expiry_warning(kExpiry, kExpiry + days * kDay);
    assert_true(warning.has_value() && warning->expired);
    assert_int_equal(warning->days, days);
  }
}

void what_is_not_known_is_not_told(void**) {
  assert_false(master::expiry_warning(0, kExpiry).has_value());
}

void the_answer_of_a_check_is_read_back(void**) {
  const auto read = parse_expiry(format_expiry({.index = 1, .time = 1796083200}));
  assert_true(read && read->index == 1 && read->time == 1796083200);
  for (const char* bad : {"", "1", "1 ", " 1", "1 2x", "x 2", "1 2 3"}) {
    assert_false(parse_expiry(bad).has_value());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_said_until_fourteen_days_before),
      cmocka_unit_test(the_days_that_are_left_are_whole_ones),
      cmocka_unit_test(from_its_last_second_on_it_has_expired),
      cmocka_unit_test(what_is_not_known_is_not_told),
      cmocka_unit_test(the_answer_of_a_check_is_read_back),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
