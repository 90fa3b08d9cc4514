// SPDX-License-Identifier: ISC
// How much memory there is, in a cgroup and without one.
#include "master/machine_memory.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "testing.h"

namespace {

using namespace restante;

constexpr std::uint64_t kTotal = 8'000'000'000;

// A directory with the limits of cgroups in it.
class Groups {
 public:
  Groups() { std::filesystem::remove_all(root_); }
  ~Groups() { std::filesystem::remove_all(root_); }
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  void limit(const std::string& group, const std::string& text) const {
    std::filesystem::create_directories(root_ / group);
    std::ofstream(root_ / group / "memory.max") << text << '\n';
  }
  [[nodiscard]] std::uint64_t seen_by(std::string_view membership) const {
    return master::usable_memory(kTotal, membership, root_);
  }

 private:
  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("restante-groups." + std::to_string(getpid()));
};

TEST(without_cgroups_it_is_that_of_the_machine) {
  const Groups groups;
  for (const char* membership :
       {"", "0::/", "0::/system.slice/restante.service\n", "4:memory:/a"}) {
    assert_true(groups.seen_by(membership) == kTotal);
  }
}

TEST(the_smallest_limit_above_counts) {
  const Groups groups;
  groups.limit("a.slice", "3000000000");
  groups.limit("a.slice/b.service", "max");
  groups.limit("c.slice", "1");
  assert_true(groups.seen_by("0::/a.slice/b.service\n") == 3'000'000'000);
  groups.limit("a.slice/b.service", "2000000000");
  assert_true(groups.seen_by("1:cpu:/c.slice\n0::/a.slice/b.service\n") == 2'000'000'000);
  groups.limit("a.slice/b.service", "9000000000");
  groups.limit("a.slice", "max");
  assert_true(groups.seen_by("0::/a.slice/b.service\n") == kTotal);
}

TEST(in_a_container_the_root_has_the_limit) {
  const Groups groups;
  groups.limit("", "500000000");
  assert_true(groups.seen_by("0::/\n") == 500'000'000);
}

TEST(this_machine_has_some) { assert_true(master::usable_memory() > 16 << 20); }

}  // namespace
