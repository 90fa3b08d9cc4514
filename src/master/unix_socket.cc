// SPDX-License-Identifier: ISC
#include "master/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "shared/net/socket_address.h"

namespace restante::master {
namespace {

constexpr int kBacklog = 4096;
constexpr mode_t kUmask = 0117;  // of a socket's mode that leaves 0660

// The path has been checked: parse_local_listen().
net::SocketAddress make_address(const std::string& path) {
  return *net::SocketAddress::of_path(path);
}

UniqueFd make_socket() {
  return UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Makes room at `path`.
Result<void> remove_stale(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return {};  // bind will say what else is wrong
  if (!S_ISSOCK(status.st_mode)) {
    return fail(ErrorKind::kConfig, "{} is there and no socket: remove it, or name another", path);
  }
  const net::SocketAddress address = make_address(path);
  const UniqueFd probe = make_socket();
  if (probe && connect(probe.get(), address.get(), address.size()) == 0) {
    return fail(ErrorKind::kSystem, "another program listens on {}: stop it, or name another path",
                path);
  }
  if (errno == ECONNREFUSED) remove_socket(path);
  return {};
}

// By descriptor, so that what is given away is the socket and nothing put in its place.
Result<void> give_to(const std::string& path, const Identity& identity) {
  if (geteuid() != 0) return {};
  const UniqueFd fd(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!fd || fstat(fd.get(), &status) != 0 || !S_ISSOCK(status.st_mode) ||
      fchownat(fd.get(), "", identity.uid, identity.gid, AT_EMPTY_PATH) != 0) {
    const int error_number = errno;
    return fail(ErrorKind::kSystem, "cannot give {} to {}: {}", path, identity.name,
                errno_text(error_number));
  }
  return {};
}

}  // namespace

Result<UniqueFd> listen_for_others(const std::string& path, const Identity& identity) {
  if (auto removed = remove_stale(path); !removed) return std::unexpected(removed.error());
  const net::SocketAddress address = make_address(path);
  UniqueFd fd = make_socket();
  const mode_t before = umask(kUmask);
  const bool bound = fd && bind(fd.get(), address.get(), address.size()) == 0;
  int error_number = errno;
  umask(before);
  const bool listens = bound && listen(fd.get(), kBacklog) == 0;
  if (bound) error_number = errno;
  if (!listens) {
    return fail(ErrorKind::kSystem, "cannot listen on {}: {}; is its directory there?", path,
                errno_text(error_number));
  }
  if (auto given = give_to(path, identity); !given) return std::unexpected(given.error());
  return fd;
}

void remove_socket(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path.c_str());
}

}  // namespace restante::master
