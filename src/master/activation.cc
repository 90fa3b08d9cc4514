// SPDX-License-Identifier: ISC
#include "master/activation.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "master/listeners.h"
#include "shared/base/unique_fd.h"
#include "shared/log/log.h"

namespace restante::master {
namespace {

constexpr std::array kNames = {worker::fd_name::kSmtp, worker::fd_name::kSmtpProxy,
                               worker::fd_name::kHttp, worker::fd_name::kHttps,
                               worker::fd_name::kHttpApi};

sockaddr_storage address_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    address.ss_family = AF_UNSPEC;
  }
  return address;
}

// As parse_local_listen() has it for the setting: where keys and mail go in clear.
bool is_local(const sockaddr_storage& address) {
  if (address.ss_family == AF_UNIX) return true;
  if (address.ss_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &address, sizeof ipv4);
    return ntohl(ipv4.sin_addr.s_addr) >> 24 == 127;
  }
  sockaddr_in6 ipv6{};
  std::memcpy(&ipv6, &address, sizeof ipv6);
  return address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6.sin6_addr);
}

Result<void> check(const worker::NamedFd& passed) {
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorKind::kConfig, "the socket {} that systemd passed {}",
                log::quoted(passed.name), what);
  };
  if (std::ranges::find(kNames, passed.name) == kNames.end()) {
    return wrong(
        "has no name that restante knows: set FileDescriptorName= of its socket unit to smtp, "
        "smtp_proxy, http, https or http_api");
  }
  if (sd_is_socket(passed.fd.get(), AF_UNSPEC, SOCK_STREAM, /*listening=*/1) <= 0) {
    return wrong("is no listening stream socket: use ListenStream= and no Accept=yes");
  }
  const sockaddr_storage address = address_of(passed.fd.get());
  if (passed.name == worker::fd_name::kHttpApi) {
    if (!is_local(address)) return wrong("can be reached by others; the API there is without TLS");
  } else if (address.ss_family != AF_INET && address.ss_family != AF_INET6) {
    return wrong("is no TCP socket");
  }
  return {};
}

}  // namespace

Result<std::vector<worker::NamedFd>> adopt_passed_listeners() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  std::vector<worker::NamedFd> passed;
  for (int i = 0; i < count; ++i) {
    passed.push_back({names[i], UniqueFd(SD_LISTEN_FDS_START + i)});
    std::free(names[i]);
  }
  std::free(names);
  for (const worker::NamedFd& one : passed) {
    if (auto good = check(one); !good) return std::unexpected(good.error());
    const int flags = fcntl(one.fd.get(), F_GETFL);
    fcntl(one.fd.get(), F_SETFL, flags | O_NONBLOCK);
    if (const std::uint16_t port = bound_port(one.fd.get()); port != 0) {
      log::notice("listening", {{"for", one.name}, {"port", port}, {"from", "systemd"}});
    } else {
      log::notice("listening", {{"for", one.name}, {"from", "systemd"}});
    }
  }
  return passed;
}

}  // namespace restante::master
