// SPDX-License-Identifier: ISC
// What all unit tests share: CMocka made fit for C++, exact buffers, comparison of texts.
#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

extern "C" {
#include <cmocka.h>
}
#undef fail  // it would hide restante::fail: use fail_test()

[[noreturn]] inline void fail_test(std::string_view why) {
  print_error("%s\n", std::string(why).c_str());
  _fail(__FILE__, __LINE__);
  std::abort();  // not reached: CMocka jumps out of the test
}

// A copy in a heap block of exactly its size, so that the address sanitizer sees a read of one byte
// too far.
class Exact {
 public:
  explicit Exact(std::string_view bytes)
      : copy_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
    std::ranges::copy(bytes, copy_.get());
  }
  [[nodiscard]] std::string_view view() const { return {copy_.get(), size_}; }

 private:
  std::unique_ptr<char[]> copy_;
  std::size_t size_;
};

// Equal in every byte, NUL included; a failure shows both.
inline void assert_same(std::string_view got, std::string_view expected) {
  if (got == expected) return;
  fail_test("got:      " + std::string(got) + "\nexpected: " + std::string(expected));
}
