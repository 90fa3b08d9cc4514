// SPDX-License-Identifier: ISC
#include "master/log_file.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "shared/log/log.h"
#include "shared/net/socket_address.h"

namespace restante::master {
namespace {

constexpr mode_t kMode = 0640;
enum class IfMissing : std::uint8_t { kMake, kLeave };

std::string directory_of(const std::string& path) {
  return std::filesystem::path(path).parent_path();
}

// Without links at the end, without waiting for a reader, and nothing but a regular file.
Result<UniqueFd> open_as_we_are(const std::string& path, IfMissing if_missing) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  const auto failed = [&path](std::string_view what) {
    return fail(ErrorKind::kConfig, "log_to: cannot write to {}: {}", path, what);
  };
  UniqueFd file(::open(path.c_str(), kFlags));
  if (!file && errno == ENOENT && if_missing == IfMissing::kLeave) {
    if (faccessat(AT_FDCWD, directory_of(path).c_str(), W_OK | X_OK, AT_EACCESS) == 0) return file;
    return failed(errno_text());
  }
  if (!file && errno == ENOENT) {
    file.reset(::open(path.c_str(), kFlags | O_CREAT | O_EXCL, kMode));
    if (file && fchmod(file.get(), kMode) != 0) return failed(errno_text());  // whatever the umask
  }
  if (!file) return failed(errno == ELOOP ? "it is a symbolic link" : errno_text());
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return failed(errno_text());
  if (!S_ISREG(status.st_mode)) return failed("it is no regular file");
  return file;
}

// Root acts as another user while this is there.
class ActingAs {
 public:
  explicit ActingAs(const Identity& identity)
      : groups_(static_cast<std::size_t>(getgroups(0, nullptr))), gid_(getegid()) {
    const bool known = getgroups(static_cast<int>(groups_.size()), groups_.data()) >= 0;
    done_ = known && setgroups(0, nullptr) == 0 && setegid(identity.gid) == 0 &&
            seteuid(identity.uid) == 0;
  }
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  ~ActingAs() {
    if (seteuid(0) != 0 || setegid(gid_) != 0 || setgroups(groups_.size(), groups_.data()) != 0) {
      std::abort();
    }
  }
  explicit operator bool() const { return done_; }

 private:
  std::vector<gid_t> groups_;
  gid_t gid_;
  bool done_ = false;
};

Result<UniqueFd> open_for(const Identity& identity, const std::string& path, IfMissing if_missing) {
  if (geteuid() != 0 || identity.uid == 0) return open_as_we_are(path, if_missing);
  {
    const ActingAs user(identity);
    if (!user) return fail(ErrorKind::kSystem, "cannot act as {}: {}", identity.name, errno_text());
    if (faccessat(AT_FDCWD, directory_of(path).c_str(), W_OK | X_OK, AT_EACCESS) == 0) {
      return open_as_we_are(path, if_missing);
    }
  }
  auto file = open_as_we_are(path, if_missing);
  if (!file || if_missing == IfMissing::kLeave) return file;
  if (fchown(file->get(), identity.uid, identity.gid) != 0 || fchmod(file->get(), kMode) != 0) {
    return fail(ErrorKind::kSystem, "log_to: cannot give {} to {}: {}", path, identity.name,
                errno_text());
  }
  return file;
}

bool is_file(const config::Config& config) { return config.log_to.starts_with('/'); }

bool is_same_file(const UniqueFd& one, const UniqueFd& other) {
  struct stat first{}, second{};
  return fstat(one.get(), &first) == 0 && fstat(other.get(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

Result<void> check_syslog() {
  const auto address = net::SocketAddress::of_path("/dev/log");
  const UniqueFd client(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (connect(client.get(), address->get(), address->size()) == 0) return {};
  return fail(ErrorKind::kConfig,
              "log_to: no syslog daemon takes lines at /dev/log: {}; apt install rsyslog, or set "
              "log_to to another",
              errno_text());
}

}  // namespace

Result<std::shared_ptr<LogFile>> LogFile::open(const std::string& path, const Identity& identity) {
  auto file = open_for(identity, path, IfMissing::kMake);
  if (!file) return std::unexpected(file.error());
  auto shared = log::SharedFile::make();
  if (!shared) return std::unexpected(shared.error());
  if (auto put = shared->put(file->get()); !put) return std::unexpected(put.error());
  std::shared_ptr<LogFile> made(new LogFile(path, identity, std::move(*shared)));
  made->file_ = std::move(*file);
  return made;
}

void LogFile::reopen() {
  auto file = open_for(identity_, path_, IfMissing::kMake);
  if (file && is_same_file(*file, file_)) return;
  const auto put = file ? shared_file_.put(file->get()) : std::unexpected(file.error());
  if (!put) {
    return log::error("log_not_reopened", {{"file", path_}, {"reason", put.error().what}});
  }
  file_ = std::move(*file);
  log::notice("log_reopened", {{"file", path_}});
}

Result<std::shared_ptr<LogFile>> open_log(const config::Config& config, const Identity& identity) {
  if (!is_file(config)) return nullptr;
  return LogFile::open(config.log_to, identity);
}

Result<std::shared_ptr<LogFile>> open_log(const config::Config& config) {
  return open_log(config, {config.user, geteuid(), getegid()});
}

void use_log(const config::Config& config, const LogFile* file) {
  log::set_level(config.log_level);
  if (file != nullptr) {
    log::to_file(UniqueFd(fcntl(file->shared_file(), F_DUPFD_CLOEXEC, 0)));
  } else if (config.log_to == "syslog") {
    log::to_syslog();
  } else {
    log::to_standard_error();
  }
}

Result<void> check_log(const config::Config& config) {
  if (config.log_to == "syslog") return check_syslog();
  if (!is_file(config)) return {};
  const auto identity = find_identity(config.user);
  if (!identity) return std::unexpected(identity.error());
  const auto file = open_for(*identity, config.log_to, IfMissing::kLeave);
  if (!file) return std::unexpected(file.error());
  return {};
}

}  // namespace restante::master
