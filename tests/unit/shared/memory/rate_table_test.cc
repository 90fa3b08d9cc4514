// SPDX-License-Identifier: ISC
// The rate table: exact limits, also when many processes ask at once and when some are killed.
#include "shared/memory/rate_table.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <new>
#include <string>
#include <vector>

#include "testing.h"

namespace restante {
namespace {

using std::chrono::milliseconds;
constexpr memory::RateTable::HashKey kKey{0x0123456789abcdefULL, 0xfedcba9876543210ULL};
constexpr milliseconds kStart{1'000'000};

// Words in memory that children share, all zero: an empty table.
class SharedWords {
 public:
  explicit SharedWords(std::size_t count) : count_(count) {
    memory_ = mmap(nullptr, count * sizeof(memory::RateTable::Word), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory_ != MAP_FAILED);
  }
  ~SharedWords() { munmap(memory_, count_ * sizeof(memory::RateTable::Word)); }
  SharedWords(const SharedWords&) = delete;
  SharedWords& operator=(const SharedWords&) = delete;
  std::span<memory::RateTable::Word> words() {
    return {static_cast<memory::RateTable::Word*>(memory_), count_};
  }

 private:
  std::size_t count_;
  void* memory_;
};

pid_t in_child(const std::function<void()>& work) {
  const pid_t pid = fork();
  if (pid == 0) {
    work();
    _exit(0);
  }
  return pid;
}

TEST(exactly_the_limit_is_admitted_in_a_window) {
  SharedWords shared(1024);
  memory::RateTable table(shared.words(), kKey);
  for (std::uint32_t i = 0; i < 50; ++i) {
    const memory::RateVerdict verdict = table.admit("a@x.test", 50, kStart + milliseconds(i));
    assert_true(verdict.admitted);
    assert_int_equal(verdict.remaining, 49 - i);
  }
  const memory::RateVerdict refused = table.admit("a@x.test", 50, kStart + milliseconds(50));
  assert_false(refused.admitted);
  assert_int_equal(refused.remaining, 0);
  assert_true(table.admit("b@x.test", 50, kStart).admitted);
}

TEST(a_window_opens_at_the_first_use_and_ends_when_the_answer_says) {
  SharedWords shared(1024);
  memory::RateTable table(shared.words(), kKey);
  for (const int offset : {0, 1, 7, 15, 16, 333, 999}) {
    const std::string subject = "s" + std::to_string(offset);
    const milliseconds first = kStart + milliseconds(offset);
    const memory::RateVerdict opened = table.admit(subject, 1, first);
    assert_true(opened.admitted);
    assert_true(opened.reset_in <= milliseconds(60'000));
    assert_true(opened.reset_in > milliseconds(59'960));
    const milliseconds later = first + milliseconds(30'000);
    const memory::RateVerdict refused = table.admit(subject, 1, later);
    assert_false(refused.admitted);
    assert_false(table.admit(subject, 1, later + refused.reset_in - milliseconds(20)).admitted);
    assert_true(table.admit(subject, 1, later + refused.reset_in).admitted);
  }
}

TEST(a_process_whose_clock_reading_is_older_sees_the_same_window) {
  SharedWords shared(1024);
  memory::RateTable table(shared.words(), kKey);
  assert_true(table.admit("a", 1, kStart).admitted);
  for (const int delay : {1, 16, 1000, 59'000}) {
    const memory::RateVerdict late = table.admit("a", 1, kStart - milliseconds(delay));
    assert_false(late.admitted);
    assert_true(late.reset_in <= milliseconds(60'000));
  }
}

TEST(no_limit_admits_all) {
  SharedWords shared(1024);
  memory::RateTable table(shared.words(), kKey);
  for (int i = 0; i < 1000; ++i) assert_true(table.admit("a", 0, kStart).admitted);
}

TEST(a_flood_of_keys_never_frees_one_that_has_reached_its_limit) {
  SharedWords shared(1024);
  memory::RateTable table(shared.words(), kKey);
  for (int i = 0; i < 50; ++i) assert_true(table.admit("limited", 50, kStart).admitted);
  std::uint32_t half_used = 0;
  for (; half_used < 25; ++half_used) assert_true(table.admit("half", 50, kStart).admitted);
  for (int i = 0; i < 20'000; ++i) {
    (void)table.admit("flood" + std::to_string(i), 50, kStart + milliseconds(i / 1000));
    if (i % 100 == 0) half_used += table.admit("half", 50, kStart).admitted ? 1U : 0U;
  }
  assert_false(table.admit("limited", 50, kStart + milliseconds(50)).admitted);
  assert_true(half_used <= 50);
}

TEST(a_used_up_limit_is_seen_without_a_use) {
  std::vector<memory::RateTable::Word> words(64);
  memory::RateTable table(words, kKey);
  assert_false(table.used_up("a", 2, kStart).has_value());
  for (int i = 0; i < 2; ++i) {
    for (int look = 0; look < 5; ++look) assert_false(table.used_up("a", 2, kStart).has_value());
    assert_true(table.admit("a", 2, kStart).admitted);
  }
  const auto left = table.used_up("a", 2, kStart);
  assert_true(left && *left == table.admit("a", 2, kStart).reset_in);
  assert_false(table.used_up("a", 0, kStart).has_value());
  assert_false(table.used_up("b", 2, kStart).has_value());
  assert_false(table.used_up("a", 2, kStart + *left).has_value());
}

TEST(several_uses_at_once_pass_the_limit_once) {
  SharedWords shared(1024);
  memory::RateTable table(shared.words(), kKey);
  assert_int_equal(table.admit("a", 10, kStart, 7).remaining, 3);
  const memory::RateVerdict last = table.admit("a", 10, kStart, 7);
  assert_true(last.admitted);
  assert_int_equal(last.remaining, 0);
  assert_false(table.admit("a", 10, kStart, 1).admitted);
  // A count that its bits do not hold stays at the most, and the entry is the same one.
  assert_true(table.admit("b", memory::RateTable::kMaxLimit, kStart, UINT32_MAX).admitted);
  assert_false(table.admit("b", memory::RateTable::kMaxLimit, kStart).admitted);
  assert_true(table.admit("b", 1, kStart + memory::RateTable::kWindow).admitted);
}

TEST(a_window_may_be_an_hour) {
  SharedWords shared(1024);
  memory::RateTable table(shared.words(), kKey, std::chrono::hours{1});
  assert_true(table.admit("a", 1, kStart).admitted);
  const memory::RateVerdict refused = table.admit("a", 1, kStart + std::chrono::minutes{59});
  assert_false(refused.admitted);
  assert_in_range(refused.reset_in.count(), 59'900, 60'000);
  assert_true(table.admit("a", 1, kStart + std::chrono::minutes{60}).admitted);
}

TEST(after_its_window_a_word_is_free_again) {
  SharedWords shared(8);  // one bucket
  memory::RateTable table(shared.words(), kKey);
  for (int i = 0; i < 8; ++i) assert_true(table.admit("k" + std::to_string(i), 1, kStart).admitted);
  assert_false(table.admit("newcomer", 1, kStart).admitted);
  assert_true(table.admit("newcomer", 1, kStart + milliseconds(60'000)).admitted);
}

TEST(the_coming_round_of_the_clock_changes_nothing) {
  SharedWords shared(1024);
  memory::RateTable table(shared.words(), kKey);
  const milliseconds round((1LL << 28) * 1000 / 64);  // 28 bits of ticks of 1/64 s
  const milliseconds shortly_before = round - milliseconds(30'000);
  assert_true(table.admit("a", 1, shortly_before).admitted);
  assert_false(table.admit("a", 1, shortly_before + milliseconds(40'000)).admitted);
  assert_true(table.admit("a", 1, shortly_before + milliseconds(60'000)).admitted);
}

// Children hammer one fresh key after another; each notes in shared memory what it was granted.
TEST(processes_that_ask_at_once_get_exactly_the_limit_together) {
  constexpr std::size_t kProcesses = 4, kSubjects = 3000;
  for (const std::uint32_t limit : {1U, 2U, 50U}) {
    SharedWords shared(1U << 15);
    SharedWords granted(kSubjects);
    std::vector<pid_t> children;
    for (std::size_t child = 0; child < kProcesses; ++child) {
      children.push_back(in_child([&] {
        memory::RateTable table(shared.words(), kKey);
        for (std::size_t subject = 0; subject < kSubjects; ++subject) {
          for (std::uint32_t i = 0; i < limit + 3; ++i) {
            if (table.admit(std::to_string(subject), limit, kStart).admitted) {
              ++granted.words()[subject];
            }
          }
        }
      }));
    }
    for (const pid_t child : children) waitpid(child, nullptr, 0);
    for (const auto& count : granted.words()) assert_int_equal(count.load(), limit);
  }
}

TEST(a_killed_process_leaves_nothing_locked_and_nothing_wrong) {
  constexpr std::uint32_t kLimit = 100'000;
  SharedWords shared(64);
  SharedWords granted(1);
  std::vector<pid_t> children;
  for (int child = 0; child < 3; ++child) {
    children.push_back(in_child([&] {
      memory::RateTable table(shared.words(), kKey);
      for (;;) {
        if (table.admit("one", kLimit, kStart).admitted) ++granted.words()[0];
      }
    }));
  }
  memory::RateTable table(shared.words(), kKey);
  while (granted.words()[0].load() < kLimit / 2) {
  }
  kill(children.front(), SIGKILL);
  while (table.admit("one", kLimit, kStart).admitted) ++granted.words()[0];
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  // A child may be killed between its grant and its note: at most one for each.
  const std::uint64_t noted = granted.words()[0].load();
  assert_in_range(noted, kLimit - children.size(), kLimit);
  assert_true(table.admit("another", 1, kStart).admitted);
}

}  // namespace
}  // namespace restante
