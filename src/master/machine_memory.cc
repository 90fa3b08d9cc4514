// SPDX-License-Identifier: ISC
#include "master/machine_memory.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "shared/base/number.h"

namespace restante::master {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::uint64_t usable_memory(std::uint64_t total, std::string_view membership,
                            const std::filesystem::path& root) {
  constexpr std::string_view kVersion2 = "0::/";
  const std::size_t start = membership.find(kVersion2);
  if (start == std::string_view::npos) return total;
  membership.remove_prefix(start + kVersion2.size());
  std::filesystem::path group = membership.substr(0, membership.find('\n'));
  for (bool is_root = false; !is_root; group = group.parent_path()) {
    is_root = group.empty();  // in a container the root has the limit, outside of one it has none
    std::string limit = content_of(root / group / "memory.max");
    if (limit.ends_with('\n')) limit.pop_back();
    total = std::min(total, parse_number<std::uint64_t>(limit).value_or(total));  // or "max"
  }
  return total;
}

std::uint64_t usable_memory() {
  struct sysinfo machine{};
  sysinfo(&machine);  // fails for a bad address alone
  return usable_memory(std::uint64_t{machine.totalram} * machine.mem_unit,
                       content_of("/proc/self/cgroup"), "/sys/fs/cgroup");
}

}  // namespace restante::master
