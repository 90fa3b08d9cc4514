// SPDX-License-Identifier: ISC
// The scoreboard: one writer a word, nothing is lost or counted twice when a worker is killed.
#include "shared/memory/scoreboard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "shared/base/program.h"
#include "shared/memory/segment.h"
#include "testing.h"

namespace restante {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Memory that children share, all zero: an empty board.
class SharedBoard {
 public:
  SharedBoard() {
    memory_ = mmap(nullptr, sizeof(memory::ScoreMemory), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory_ != MAP_FAILED);
  }
  ~SharedBoard() { munmap(memory_, sizeof(memory::ScoreMemory)); }
  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;
  [[nodiscard]] memory::Scoreboard board() const {
    return memory::Scoreboard(*static_cast<memory::ScoreMemory*>(memory_));
  }

 private:
  void* memory_;
};

pid_t in_child(const std::function<void()>& work) {
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(60);
    work();
    _exit(0);
  }
  return pid;
}

TEST(a_worker_counts_in_its_slot_and_the_sum_is_over_all) {
  const SharedBoard shared;
  const memory::Scoreboard board = shared.board();
  const auto first = board.acquire(Program::kSmtpd, 0, 1);
  const auto second = board.acquire(Program::kApid, 1, 1);
  assert_true(first && second && *first != *second);
  board.started(*first, 100);
  board.is_now(*first, memory::ProcessState::kReady);
  board.counters(first).add(memory::Count::kMailsStored, 3);
  board.counters(first).add(memory::Count::kSmtpOpen);
  board.counters(second).add(memory::Count::kMailsStored, 4);
  board.counters(second).beat(milliseconds(5000));
  const memory::Score score = board.read();
  assert_int_equal(score.of(memory::Count::kMailsStored), 7);
  assert_int_equal(score.processes.size(), 2);
  const memory::ProcessScore& smtpd = score.processes[0];
  assert_true(smtpd.role == Program::kSmtpd && smtpd.state == memory::ProcessState::kReady);
  assert_true(smtpd.pid == 100 && smtpd.open == 1 && smtpd.heartbeat == milliseconds(0));
  const memory::ProcessScore& apid = score.processes[1];
  assert_true(apid.number == 1 && apid.state == memory::ProcessState::kStarting);
  assert_true(apid.heartbeat == milliseconds(5000));
}

TEST(what_the_dead_have_counted_stays_and_what_they_had_open_goes) {
  const SharedBoard shared;
  const memory::Scoreboard board = shared.board();
  const auto slot = board.acquire(Program::kSmtpd, 0, 1);
  board.counters(slot).add(memory::Count::kMailsStored, 3);
  board.counters(slot).add(memory::Count::kSmtpOpen, 2);
  board.counters(slot).observe(memory::Latency::kDelivery, microseconds(700));
  board.release(*slot);
  assert_int_equal(board.read().of(memory::Count::kMailsStored), 3);
  assert_int_equal(board.read().of(memory::Count::kSmtpOpen), 0);
  assert_int_equal(board.read().processes.size(), 0);
  const auto next = board.acquire(Program::kApid, 0, 2);
  assert_true(next == slot);  // slots are used again
  assert_int_equal(board.read().of(memory::Count::kMailsStored), 3);
  board.counters(next).add(memory::Count::kMailsStored);
  assert_int_equal(board.read().of(memory::Count::kMailsStored), 4);
  assert_int_equal(board.read().latencies[0].buckets[0], 1);
}

TEST(more_workers_than_slots_work_without_one) {
  const SharedBoard shared;
  const memory::Scoreboard board = shared.board();
  for (std::size_t i = 0; i < memory::kScoreSlots; ++i) {
    assert_true(board.acquire(Program::kSmtpd, i, 1).has_value());
  }
  const auto none = board.acquire(Program::kSmtpd, memory::kScoreSlots, 1);
  assert_false(none.has_value());
  board.counters(none).add(memory::Count::kMailsStored);
  board.counters(memory::kScoreSlots)
      .add(memory::Count::kMailsStored);  // a number that no slot has
  assert_int_equal(board.read().of(memory::Count::kMailsStored), 0);
}

TEST(a_worker_knows_whether_another_has_fewer) {
  const SharedBoard shared;
  const memory::Scoreboard board = shared.board();
  const auto own = board.acquire(Program::kApid, 0, 1);
  const auto other = board.acquire(Program::kApid, 1, 1);
  const auto smtpd = board.acquire(Program::kSmtpd, 0, 1);
  for (const auto slot : {own, other, smtpd}) board.is_now(*slot, memory::ProcessState::kReady);
  board.counters(own).add(memory::Count::kHttpOpen);
  assert_true(board.others_have_fewer(own, memory::Count::kHttpOpen));
  assert_false(board.others_have_fewer(other, memory::Count::kHttpOpen));
  board.is_now(*other, memory::ProcessState::kDraining);
  assert_false(board.others_have_fewer(own, memory::Count::kHttpOpen));  // smtpd is of another role
  board.is_now(*other, memory::ProcessState::kReady);
  board.counters(other).add(memory::Count::kHttpOpen);
  assert_false(board.others_have_fewer(own, memory::Count::kHttpOpen));
  assert_false(board.others_have_fewer(std::nullopt, memory::Count::kHttpOpen));
}

TEST(times_go_into_the_bucket_that_ends_with_them) {
  const SharedBoard shared;
  const memory::Counters counters = shared.board().counters(0);
  for (const int time : {0, 1000, 1001, 10'000'000, 10'000'001}) {
    counters.observe(memory::Latency::kApiRequest, microseconds(time));
  }
  const memory::Histogram seen = shared.board().read().latencies[1];
  assert_int_equal(seen.buckets[0], 2);
  assert_int_equal(seen.buckets[1], 1);
  assert_int_equal(seen.buckets[memory::kBuckets - 2], 1);
  assert_int_equal(seen.buckets[memory::kBuckets - 1], 1);
  assert_int_equal(seen.microseconds, 20'002'002);
}

// A reader looks all the time while workers count, are killed, reaped and replaced.
TEST(no_count_goes_back_when_workers_are_killed) {
  const SharedBoard shared;
  const memory::Scoreboard board = shared.board();
  const pid_t reader = in_child([&] {
    for (std::uint64_t last = 0, gone = 0;;) {
      const memory::Score score = board.read();
      const std::uint64_t now = score.of(memory::Count::kMailsStored);
      if (now < last) _exit(1);
      last = now;
      if (score.latencies[0].buckets[0] < gone) _exit(2);
      gone = score.latencies[0].buckets[0];
    }
  });
  for (int i = 0; i < 60; ++i) {
    const auto slot = board.acquire(Program::kSmtpd, 0, 1);
    const std::uint64_t before = board.read().of(memory::Count::kMailsStored);
    const pid_t worker = in_child([&] {
      const memory::Counters counters = board.counters(slot);
      for (;;) {
        counters.add(memory::Count::kMailsStored);
        counters.add(memory::Count::kSmtpOpen);
        counters.observe(memory::Latency::kDelivery, microseconds(1));
      }
    });
    while (board.read().of(memory::Count::kMailsStored) == before) usleep(100);
    kill(worker, SIGKILL);
    waitpid(worker, nullptr, 0);
    const std::uint64_t at_death = board.read().of(memory::Count::kMailsStored);
    board.release(*slot);
    assert_int_equal(board.read().of(memory::Count::kMailsStored),
                     at_death);  // once, neither 0 nor 2
    assert_int_equal(board.read().of(memory::Count::kSmtpOpen), 0);
  }
  int status = 0;
  assert_int_equal(waitpid(reader, &status, WNOHANG), 0);  // else it has seen one go back
  kill(reader, SIGKILL);
  waitpid(reader, nullptr, 0);
}

TEST(every_row_has_a_name_that_prometheus_takes) {
  std::string_view family, help;
  for (const memory::CountInfo& info : memory::all_counts()) {
    const bool is_counter = info.type == memory::CountType::kCounter;
    assert_true(info.name.starts_with("restante_"));
    assert_true(info.name.ends_with("_total") == is_counter);
    assert_false(info.unit.empty());
    // Rows of one name stand together, and the first has the help.
    if (info.name != family) assert_false(info.help.empty());
    if (info.name == family) assert_false(info.labels.empty());
    family = info.name;
  }
}

struct Opened {
  bool first = false, again = false;
  std::string error;
  pid_t master = 0;
  std::string version;
};

Opened open_while_a_master_lives(const std::string& path) {
  Opened seen;
  int go[2], made[2];
  if (pipe(go) != 0 || pipe(made) != 0) return seen;
  const pid_t master = in_child([&] {
    const auto fd = memory::Segment::create(path, static_cast<uid_t>(-1), static_cast<gid_t>(-1));
    char byte = fd ? 'y' : 'n';
    if (write(made[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(1);
  });
  char byte = 0;
  if (read(made[0], &byte, 1) != 1 || byte != 'y') return seen;
  {
    const auto segment = memory::Segment::open(path, seen.master);
    seen.first = segment.has_value() && seen.master == master;
    if (segment) seen.version = segment->program_version();
  }
  if (write(go[1], &byte, 1) != 1) return seen;
  waitpid(master, nullptr, 0);
  const auto left = memory::Segment::open(path, seen.master);
  seen.again = left.has_value();
  if (!left) seen.error = left.error().what;
  return seen;
}

TEST(a_worker_needs_nothing_that_another_could_have_written_over) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/segment";
  const auto fd = memory::Segment::create(path, static_cast<uid_t>(-1), static_cast<gid_t>(-1));
  const auto head = memory::Segment::map(fd->get())->seal_head();
  assert_true(head.has_value());
  const std::string zeros(64, '\0');
  assert_int_equal(pwrite(head->get(), zeros.data(), zeros.size(), 0), -1);
  assert_int_equal(pwrite(fd->get(), zeros.data(), zeros.size(), 0), zeros.size());
  assert_false(memory::Segment::map(fd->get()).has_value());
  const auto segment = memory::Segment::map(fd->get(), head->get());
  assert_true(segment.has_value());
  assert_same(segment->program_version(), RESTANTE_VERSION);
}

TEST(a_segment_is_opened_only_while_its_master_lives) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/segment";
  pid_t master = 0;
  const auto none = memory::Segment::open(path, master);
  const Opened seen = open_while_a_master_lives(path);
  assert_false(none.has_value());
  assert_true(none.error().kind == ErrorKind::kUnavailable);
  assert_true(seen.first);
  assert_same(seen.version, RESTANTE_VERSION);
  assert_false(seen.again);
  assert_true(seen.error.starts_with("restante does not run: "));
}

}  // namespace
}  // namespace restante
