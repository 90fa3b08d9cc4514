// SPDX-License-Identifier: ISC
#include "shared/worker/landlock.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/unique_fd.h"

namespace restante::worker {
namespace {

// As linux/landlock.h has them; that of Debian 12 ends with version 2. The numbers of the calls are
// those of every architecture but alpha.
constexpr long kCreateRuleset = 444, kAddRule = 445, kRestrictSelf = 446;
constexpr std::uint32_t kTellVersion = 1;
enum class RuleType : std::uint8_t { kPathBeneath = 1, kNetPort = 2 };

constexpr std::uint64_t kExecute = 1 << 0, kReadFile = 1 << 2, kReadDirectory = 1 << 3;
constexpr std::uint64_t kRemoveFile = 1 << 5, kMakeSocket = 1 << 9;
constexpr std::uint64_t kReading = kReadFile | kReadDirectory;
// Those that a file has which is no directory; from version 3 on also truncating, from 5 ioctl.
constexpr std::uint64_t kOfFiles = kExecute | 1 << 1 | kReadFile | 1 << 14 | 1 << 15;
constexpr std::uint64_t kConnectTcp = 1 << 1, kBindTcp = 1 << 0;
constexpr std::uint64_t kAbstractSockets = 1 << 0, kSignals = 1 << 1;

struct RulesetAttribute {
  std::uint64_t files;
  std::uint64_t net;     // from version 4 on
  std::uint64_t scoped;  // from version 6 on
};
struct [[gnu::packed]] PathAttribute {
  std::uint64_t access;
  std::int32_t directory;
};
struct PortAttribute {
  std::uint64_t access;
  std::uint64_t port;
};

// All rights on files that a version knows: executing, writing, reading, making, removing …
std::uint64_t file_rights(int version) {
  std::uint64_t rights = (1 << 13) - 1;
  if (version >= 2) rights |= 1 << 13;  // linking and renaming across directories
  if (version >= 3) rights |= 1 << 14;  // truncating
  if (version >= 5) rights |= 1 << 15;  // ioctl of devices
  return rights;
}

UniqueFd create_ruleset(int version, bool all_ports) {
  RulesetAttribute attribute{.files = file_rights(version), .net = 0, .scoped = 0};
  std::size_t size = sizeof attribute.files;
  if (version >= kLandlockPorts) {
    attribute.net = kBindTcp | (all_ports ? 0 : kConnectTcp);
    size = offsetof(RulesetAttribute, scoped);
  }
  if (version >= kLandlockScopes) {
    attribute.scoped = kAbstractSockets | kSignals;
    size = sizeof attribute;
  }
  return UniqueFd(static_cast<int>(syscall(kCreateRuleset, &attribute, size, 0)));
}

bool add(int ruleset, RuleType type, const void* attribute) {
  return syscall(kAddRule, ruleset, static_cast<std::uint32_t>(type), attribute, 0) == 0;
}

bool allow(int ruleset, const std::vector<std::string>& paths, std::uint64_t rights) {
  for (const std::string& path : paths) {
    const UniqueFd place(open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat status{};
    if (!place || fstat(place.get(), &status) != 0) continue;  // nobody opens what is not there
    const std::uint64_t possible = S_ISDIR(status.st_mode) ? rights : rights & kOfFiles;
    const PathAttribute attribute{possible, place.get()};
    if (!add(ruleset, RuleType::kPathBeneath, &attribute)) return false;
  }
  return true;
}

bool add_all(int ruleset, int version, const LandlockRules& rules) {
  if (!allow(ruleset, rules.readable, kReading) ||
      !allow(ruleset, rules.programs, kReading | kExecute) ||
      !allow(ruleset, rules.writable, file_rights(version) & ~kExecute) ||
      !allow(ruleset, rules.socket_directories, kMakeSocket | kRemoveFile)) {
    return false;
  }
  if (version < kLandlockPorts || !rules.ports) return true;
  for (const std::uint16_t port : *rules.ports) {
    const PortAttribute attribute{kConnectTcp, port};
    if (!add(ruleset, RuleType::kNetPort, &attribute)) return false;
  }
  return true;
}

}  // namespace

int landlock_version() {
  const long version = syscall(kCreateRuleset, nullptr, 0, kTellVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

Result<void> enter_landlock(const LandlockRules& rules) {
  const int version = landlock_version();
  if (version < kLandlockFiles) return {};
  const UniqueFd ruleset = create_ruleset(version, !rules.ports);
  if (!ruleset || !add_all(ruleset.get(), version, rules) ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(kRestrictSelf, ruleset.get(), 0) != 0) {
    return fail(ErrorKind::kSystem, "Landlock {}: {}", version, errno_text());
  }
  return {};
}

}  // namespace restante::worker
