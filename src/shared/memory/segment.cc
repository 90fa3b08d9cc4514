// SPDX-License-Identifier: ISC
#include "shared/memory/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <new>

#include "shared/base/file.h"

namespace restante::memory {
namespace {

constexpr std::uint64_t kMagic = 0x65746e6174736572ULL;  // "restante"
constexpr std::uint64_t kLayoutVersion = 6;
// A word a key: more than the messages that one machine takes in a minute. The file is sparse, so
// what is never touched costs no memory.
constexpr std::size_t kRateWords = std::size_t{1} << 20;

using RateWords = std::array<RateTable::Word, kRateWords>;
using ClientWords = std::array<RateTable::Word, kRateWords / 4>;  // four words a client

struct flock whole_file() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

struct Segment::Layout {
  Header header;
  alignas(64) RedisOutage redis_outage;
  alignas(64) ScoreMemory score;
  alignas(64) RateWords smtp_words;
  alignas(64) RateWords api_words;
  alignas(64) ClientWords minute_words;
  alignas(64) ClientWords hour_words;
  alignas(64) ClientWords share_words;
};

Segment::Segment(Layout* layout) : layout_(layout), header_(layout->header) {}

void Segment::Unmap::operator()(Layout* layout) const noexcept {
  munmap(static_cast<void*>(layout), sizeof(Layout));
}

Result<UniqueFd> Segment::create(const std::string& path, uid_t owner, gid_t group) {
  const auto failed = [&](std::string_view what) {
    const int error_number = errno;
    return fail(ErrorKind::kSystem, "shared segment {}: {}: {}", path, what,
                errno_text(error_number));
  };
  // A new file each time: an orphan of an earlier run may still map the old one.
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed("unlink");
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return failed("create");
  if (ftruncate(fd.get(), sizeof(Layout)) != 0) return failed("ftruncate");
  if (geteuid() == 0 && fchown(fd.get(), owner, group) != 0) return failed("chown");
  Header header{.magic = kMagic,
                .version = kLayoutVersion,
                .size = sizeof(Layout),
                .hash_key = {},
                .program_version = {}};
  constexpr std::string_view kVersion = RESTANTE_VERSION;
  static_assert(kVersion.size() < sizeof header.program_version);
  std::ranges::copy(kVersion, header.program_version.begin());
  if (getrandom(&header.hash_key, sizeof header.hash_key, 0) !=
      static_cast<ssize_t>(sizeof header.hash_key)) {
    return failed("getrandom");
  }
  if (pwrite(fd.get(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) {
    return failed("write");
  }
  struct flock lock = whole_file();
  if (fcntl(fd.get(), F_SETLK, &lock) != 0) return failed("lock");
  return fd;
}

Result<Segment> Segment::map(int fd) { return map_as(fd, PROT_READ | PROT_WRITE); }

Result<Segment> Segment::map(int fd, int head) { return map_as(fd, PROT_READ | PROT_WRITE, head); }

Result<UniqueFd> Segment::seal_head() const {
  return make_sealed_memfd("segment_head",
                           {reinterpret_cast<const char*>(&header_), sizeof header_});
}

Result<Segment> Segment::open(const std::string& path, pid_t& master) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const int error_number = errno;
    if (error_number == ENOENT || error_number == ENOTDIR) {
      return fail(ErrorKind::kUnavailable, "restante does not run: no segment at {}", path);
    }
    return fail(ErrorKind::kSystem, "cannot read {}: {}", path, errno_text(error_number));
  }
  struct flock lock = whole_file();
  if (fcntl(fd.get(), F_GETLK, &lock) != 0) {
    return fail(ErrorKind::kSystem, "{}: {}", path, errno_text());
  }
  if (lock.l_type == F_UNLCK) {
    return fail(ErrorKind::kUnavailable,
                "restante does not run: the segment at {} was left by one that has ended", path);
  }
  if (lock.l_pid <= 0) {  // and to signal that number would be to signal many
    return fail(ErrorKind::kSystem, "{} is locked by a process that cannot be seen from here",
                path);
  }
  master = lock.l_pid;
  return map_as(fd.get(), PROT_READ);
}

Result<Segment> Segment::map_as(int fd, int protection, std::optional<int> head) {
  struct stat status{};
  if (fstat(fd, &status) != 0 || status.st_size != static_cast<off_t>(sizeof(Layout))) {
    return fail(ErrorKind::kSystem, "shared segment: of another size than this build's");
  }
  void* memory = mmap(nullptr, sizeof(Layout), protection, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return fail(ErrorKind::kSystem, "shared segment: {}", errno_text());
  Segment segment(static_cast<Layout*>(memory));
  Header& header = segment.header_;
  if (head && pread(*head, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) {
    return fail(ErrorKind::kSystem, "shared segment: no header was handed over");
  }
  if (header.magic != kMagic || header.version != kLayoutVersion) {
    return fail(ErrorKind::kSystem, "shared segment: of another layout than this build's");
  }
  return segment;
}

RateTable Segment::smtp_rates() const { return {layout_->smtp_words, header_.hash_key}; }
RateTable Segment::api_rates() const { return {layout_->api_words, header_.hash_key}; }
RateTable Segment::client_minutes() const { return {layout_->minute_words, header_.hash_key}; }
RateTable Segment::client_hours() const {
  return {layout_->hour_words, header_.hash_key, std::chrono::hours{1}};
}
RateTable Segment::client_shares(std::chrono::milliseconds retention) const {
  using std::chrono::seconds;
  const auto window =
      std::clamp<seconds>(std::chrono::ceil<seconds>(retention), seconds{1}, std::chrono::days{1});
  return {layout_->share_words, header_.hash_key, window};
}
RedisOutage& Segment::redis_outage() const { return layout_->redis_outage; }
Scoreboard Segment::scoreboard() const { return Scoreboard(layout_->score); }
std::string_view Segment::program_version() const {
  constexpr std::string_view kCharacters =
      "0123456789.+-~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const auto& bytes = header_.program_version;
  const std::string_view all(bytes.data(), bytes.size());
  return all.substr(0, all.find_first_not_of(kCharacters));
}

}  // namespace restante::memory
