// SPDX-License-Identifier: ISC
// CMocka for C++: its header needs these before it, and the linkage of C.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" {
#include <cmocka.h>
}

// Compares texts of any content and length; the failure shows both.
#define assert_text_equal(actual, expected) \
  assert_string_equal(std::string(actual).c_str(), std::string(expected).c_str())
