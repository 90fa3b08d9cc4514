// SPDX-License-Identifier: ISC
// What all unit tests share: CMocka made fit for C++, exact buffers, comparison of texts.
//
//   TEST(a_letter_is_kept) { assert_same(decode("a"), "a"); }
//
//   const Row kRows[] = {{"a letter", "a", "a"}, {"an escape", "%41", "A"}};
//   TEST_EACH(a_text_is_decoded, kRows, name) { assert_same(decode(row.input), row.expected); }
//
// A test lists itself. The tests of a program run in the order in which they stand in its file; its
// main() is in main.cc.
#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" {
#include <cmocka.h>
}
#undef fail  // it would hide restante::fail: use fail_test()

inline std::vector<CMUnitTest>& listed_tests() {
  static std::vector<CMUnitTest> tests;
  return tests;
}

// A test with setup and teardown can be listed by hand.
inline bool list_test(const CMUnitTest& test) {
  listed_tests().push_back(test);
  return true;
}

// The body that follows is a test of this name.
#define TEST(name) TEST_IF(true, name)
// … which runs only in builds where the condition, a constant, is true.
#define TEST_IF(condition, name)                                                                   \
  void name(void** /*state*/);                                                                     \
  [[maybe_unused]] const bool name##_is_listed = (condition) && list_test(cmocka_unit_test(name)); \
  void name(void** /*state*/)

// The body that follows is a test of each element of `rows`, which it finds in `row`. `title` is
// the member with the test's name, a C string or std::string. The rows are defined above it.
#define TEST_EACH(name, rows, title)                                                           \
  using name##_row = std::iter_value_t<decltype(std::begin(rows))>;                            \
  void name(const name##_row& row);                                                            \
  [[maybe_unused]] const bool name##_is_listed = [] {                                          \
    for (auto& row : rows) {                                                                   \
      list_test({std::data(std::string_view(row.title)),                                       \
                 [](void** state) { name(*static_cast<const name##_row*>(*state)); }, nullptr, \
                 nullptr, const_cast<name##_row*>(&row)});                                     \
    }                                                                                          \
    return true;                                                                               \
  }();                                                                                         \
  void name(const name##_row& row)

// Fails the test at the line of the caller.
[[noreturn]] inline void fail_test(std::string_view why,
                                   std::source_location where = std::source_location::current()) {
  print_error("%s\n", std::string(why).c_str());
  _fail(where.file_name(), static_cast<int>(where.line()));
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

// An empty directory below /tmp, which goes with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/restante-unit.XXXXXX";
};

// What `work` returns, and the CPU time that it took, in seconds: 0 in a build for coverage, whose
// time says nothing.
template <class Work>
auto timed(const Work& work) {
  const std::clock_t start = std::clock();
  auto result = work();
  double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
#ifdef RESTANTE_COVERAGE
  seconds = 0;
#endif
  return std::pair(std::move(result), seconds);
}

// Equal in every byte, NUL included; a failure shows both, and the line of the caller.
inline void assert_same(std::string_view got, std::string_view expected,
                        std::source_location where = std::source_location::current()) {
  if (got == expected) return;
  fail_test("got:      " + std::string(got) + "\nexpected: " + std::string(expected), where);
}
