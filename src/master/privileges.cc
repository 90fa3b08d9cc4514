// SPDX-License-Identifier: ISC
#include "master/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "shared/base/unique_fd.h"
#include "shared/log/log.h"

namespace restante::master {
namespace {

// A service manager may start us as our user, with the one capability to bind low ports. Whether
// there was anything to give up; afterwards neither we nor a worker has any.
Result<bool> drop_capabilities() {
  using Words = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  Words held{};
  if (syscall(SYS_capget, &header, held.data()) != 0) {
    return fail(ErrorKind::kSystem, "capget: {}", errno_text());
  }
  const auto is_empty = [](const auto& word) {
    return word.effective == 0 && word.permitted == 0 && word.inheritable == 0;
  };
  if (std::ranges::all_of(held, is_empty)) return false;
  Words none{};  // what is not permitted is not ambient either
  if (syscall(SYS_capset, &header, none.data()) != 0) {
    return fail(ErrorKind::kSystem, "cannot give up capabilities: capset: {}", errno_text());
  }
  // As a change of user would have it: nobody of the same user looks into the master.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return fail(ErrorKind::kSystem, "PR_SET_DUMPABLE: {}", errno_text());
  }
  return true;
}

Result<void> drop_without_root() {
  const auto dropped = drop_capabilities();
  if (!dropped) return std::unexpected(dropped.error());
  if (*dropped) {
    const passwd* entry = getpwuid(geteuid());
    log::notice("privileges_dropped",
                {{"user", entry != nullptr ? entry->pw_name : ""}, {"uid", geteuid()}});
  } else {
    log::notice("privileges_kept", {{"uid", geteuid()}, {"reason", "not started as root"}});
  }
  return {};
}

}  // namespace

Result<Identity> find_identity(const std::string& user) {
  if (geteuid() != 0) return Identity{"", geteuid(), getegid()};
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) {
    return fail(ErrorKind::kConfig,
                "user: there is no user {} on this machine: adduser --system --group {}, or set "
                "user to another",
                log::quoted(user), user);
  }
  return Identity{user, entry->pw_uid, entry->pw_gid};
}

Result<void> drop_privileges(const Identity& identity) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(ErrorKind::kSystem, "PR_SET_NO_NEW_PRIVS: {}", errno_text());
  }
  if (geteuid() != 0) return drop_without_root();
  if (identity.uid == 0) {
    log::notice("privileges_kept", {{"uid", 0}, {"reason", "user is root"}});
    return {};
  }
  // In this order: once the user is gone, neither group could be changed.
  const char* step = nullptr;
  if (setgroups(0, nullptr) != 0)
    step = "setgroups";
  else if (setgid(identity.gid) != 0)
    step = "setgid";
  else if (setuid(identity.uid) != 0)
    step = "setuid";
  if (step != nullptr) {
    const int error_number = errno;
    return fail(ErrorKind::kSystem, "cannot become user {}: {}: {}", identity.name, step,
                errno_text(error_number));
  }
  if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0) {
    return fail(ErrorKind::kSystem, "root could be regained after becoming {}", identity.name);
  }
  // A change of user makes a process undumpable and its /proc files root's: that is meant to stay.
  log::notice("privileges_dropped", {{"user", identity.name}, {"uid", identity.uid}});
  return {};
}

Result<void> make_private_directory(const std::string& path, const Identity& identity) {
  const auto failed = [&](std::string_view what) {
    const int error_number = errno;
    return fail(ErrorKind::kSystem, "cannot {} the directory {}: {}", what, path,
                errno_text(error_number));
  };
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("make");
  const UniqueFd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return failed("open");
  if (geteuid() == 0 && fchown(directory.get(), identity.uid, identity.gid) != 0) {
    return failed("chown");
  }
  if (faccessat(directory.get(), ".", W_OK, AT_EACCESS) != 0) return failed("write into");
  return {};
}

}  // namespace restante::master
