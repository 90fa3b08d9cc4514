// SPDX-License-Identifier: ISC
// The main() of every unit test: runs the tests that TEST() and TEST_EACH() have listed. With an
// argument, only those whose names match that pattern ("a_letter*").
#include <cerrno>
#include <cstdlib>

#include "testing.h"

int main(int argc, char** argv) {
  if (listed_tests().empty()) return EXIT_FAILURE;
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return _cmocka_run_group_tests(program_invocation_short_name, listed_tests().data(),
                                 listed_tests().size(), nullptr, nullptr);
}
