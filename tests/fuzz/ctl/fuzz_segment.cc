// SPDX-License-Identifier: ISC
// Any bytes in the shared segment, as a worker that was broken into might leave them: it is refused
// or read, what is read is printable, and the rate tables and the words of Redis' health still
// work.
//
// An input is pieces of four bytes of place, one of length, and as many bytes.
#include <cjson/cJSON.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <source_location>
#include <string>
#include <string_view>

#include "ctl/status.h"
#include "shared/base/program.h"
#include "shared/base/unique_fd.h"
#include "shared/log/log.h"
#include "shared/memory/rate_table.h"
#include "shared/memory/redis_outage.h"
#include "shared/memory/segment.h"

using namespace restante;

namespace {

using std::chrono::milliseconds;

void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "line %u does not hold\n", where.line());
  std::abort();
}

// A file as the master makes it, to be spoilt and made anew.
class File {
 public:
  File() : fd_(memfd_create("segment", MFD_CLOEXEC)) {
    char directory[] = "/tmp/restante-fuzz.XXXXXX";
    require(mkdtemp(directory) != nullptr);
    const std::string path = std::string(directory) + "/segment";
    const auto made = memory::Segment::create(path, static_cast<uid_t>(-1), static_cast<gid_t>(-1));
    struct stat status{};
    require(made && fstat(made->get(), &status) == 0);
    size_ = static_cast<std::size_t>(status.st_size);
    require(pread(made->get(), header_.data(), header_.size(), 0) ==
            static_cast<ssize_t>(header_.size()));
    unlink(path.c_str());
    rmdir(directory);
  }

  void make(std::size_t lacking) {
    require(ftruncate(fd_.get(), 0) == 0);
    require(ftruncate(fd_.get(), static_cast<off_t>(size_ - lacking)) == 0);
    write({header_.data(), header_.size()}, 0);
  }
  void write(std::string_view bytes, std::size_t place) {
    const std::size_t size = std::min(bytes.size(), size_ - std::min(place, size_));
    require(pwrite(fd_.get(), bytes.data(), size, static_cast<off_t>(place)) ==
            static_cast<ssize_t>(size));
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  UniqueFd fd_;
  std::size_t size_ = 0;
  std::array<char, 256> header_{};
};

// Into the first pages, where all but the rate tables is, or into those.
void spoil(File& file, std::string_view input) {
  while (input.size() > 5) {
    std::uint32_t place = 0;
    std::memcpy(&place, input.data(), sizeof place);
    const auto length = static_cast<unsigned char>(input[4]);
    input.remove_prefix(5);
    const std::string_view bytes = input.substr(0, length);
    input.remove_prefix(bytes.size());
    file.write(bytes, place % ((place >> 31) != 0 ? file.size() : 4096));
  }
}

void check_status(const memory::Segment& segment) {
  ctl::Status status = ctl::status_of(segment);
  status.now = 1'800'000'000;
  status.taken = milliseconds(1'000'000'000);
  for (const char c : ctl::status_text(status)) {
    require((static_cast<unsigned char>(c) >= ' ' && c != 0x7f) || c == '\n');
  }
  const std::string json = ctl::status_json(status);
  cJSON* const parsed = cJSON_ParseWithLength(json.data(), json.size());
  require(parsed != nullptr);
  cJSON_Delete(parsed);
  (void)status.has_problem();
  (void)ctl::status_text(status, &status);
}

void check_rates(memory::RateTable table) {
  for (const milliseconds now : {milliseconds(1), milliseconds(1'000'000'000)}) {
    for (const std::uint32_t limit : {1U, 50U, memory::RateTable::kMaxLimit}) {
      for (const std::string_view subject : {"", "a@example.com", "192.0.2.1"}) {
        const auto used_up = table.used_up(subject, limit, now);
        const memory::RateVerdict verdict = table.admit(subject, limit, now);
        require(!used_up || (!verdict.admitted && verdict.reset_in == *used_up));
        require(verdict.remaining < limit);
        require(verdict.reset_in > milliseconds(0) &&
                verdict.reset_in <= memory::RateTable::kWindow);
      }
    }
  }
}

// As the master does with its slots and a worker with its own.
void check_board(const memory::Scoreboard& board) {
  const auto slot = board.acquire(Program::kSmtpd, 0, 1);
  if (!slot) return;
  board.started(*slot, 1);
  board.is_now(*slot, memory::ProcessState::kReady);
  board.counters(slot).add(memory::Count::kMailsStored);
  board.counters(slot).observe(memory::Latency::kDelivery, std::chrono::microseconds(1));
  board.release(*slot);
  for (const memory::ProcessScore& process : board.read().processes) require(process.slot != *slot);
}

void check_health(memory::RedisOutage& health) {
  memory::note_fault(health, "r", "OOM command not allowed");
  memory::note_works(health, "r");
  require(health.fault.load() == 0);
  memory::note_lost(health, "r", "gone");
  memory::note_back(health, "r");
  require(health.is_private.load() != 0 || health.away.load() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static File file = [] {
    log::to_syslog();  // where nobody listens
    return File();
  }();
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const bool short_file = input.starts_with("short");
  file.make(short_file ? 1 : 0);
  spoil(file, input);
  auto segment = memory::Segment::map(file.fd());
  if (!segment) {
    require(segment.error().what.starts_with("shared segment: "));
    return 0;
  }
  require(!short_file);
  check_status(*segment);
  check_rates(segment->smtp_rates());
  check_rates(segment->api_rates());
  check_board(segment->scoreboard());
  check_health(segment->redis_outage());
  return 0;
}
