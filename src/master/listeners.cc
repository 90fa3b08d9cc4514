// SPDX-License-Identifier: ISC
#include "master/listeners.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "master/activation.h"
#include "master/unix_socket.h"
#include "shared/log/log.h"
#include "shared/net/socket_address.h"

namespace restante::master {
namespace {

// What one wildcard address asks for is cut down to net.core.somaxconn by the kernel.
constexpr int kBacklog = 4096;

// -1 with errno set when it cannot be had.
UniqueFd open_listener(const net::SocketAddress& address, bool both_families) {
  const int family = address.family();
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const int on = 1, v6_only = both_families ? 0 : 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  }
  if (bind(fd.get(), address.get(), address.size()) != 0 || listen(fd.get(), kBacklog) != 0) {
    const int error_number = errno;
    fd.reset();
    errno = error_number;
  }
  return fd;
}

UniqueFd open_listener(const config::ListenAddress& address) {
  if (!address.host.empty()) {
    return open_listener(*net::SocketAddress::of_host(address.host, address.port), false);
  }
  UniqueFd fd =
      open_listener(*net::SocketAddress::of_host("::", address.port), /*both_families=*/true);
  if (!fd && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {  // a machine without IPv6
    fd = open_listener(*net::SocketAddress::of_host("0.0.0.0", address.port), false);
  }
  return fd;
}

std::string advice(int error_number, std::string_view setting) {
  switch (error_number) {
    case EADDRINUSE:
      return fmt::format(
          "another program has this port (ss -ltnp shows which): stop it or change {}", setting);
    case EACCES:
      return fmt::format("ports below 1024 need root: start as root, or set {} to a higher port",
                         setting);
    case EADDRNOTAVAIL:
      return fmt::format("this machine has no such address: change {}", setting);
    default:
      return fmt::format("change {}", setting);
  }
}

}  // namespace

std::uint16_t bound_port(int fd) {
  const auto address = net::SocketAddress::of_socket(fd);
  return address ? address->port() : std::uint16_t{0};
}

namespace {

Result<UniqueFd> bind_port(std::string_view setting, std::string_view name,
                           const std::string& text) {
  const auto address = config::parse_listen(text);
  if (!address) return std::unexpected(address.error());
  UniqueFd fd = open_listener(*address);
  if (!fd) {
    const int error_number = errno;
    return fail(ErrorKind::kSystem, "{}: cannot listen on {}: {}; {}", setting, text,
                errno_text(error_number), advice(error_number, setting));
  }
  log::notice("listening", {{"for", name},
                            {"address", address->host.empty() ? "*" : address->host},
                            {"port", bound_port(fd.get())}});
  return fd;
}

Result<UniqueFd> bind_local(const std::string& text, const Identity& identity) {
  constexpr std::string_view kSetting = "http_api_listen";
  const auto local = config::parse_local_listen(text);
  if (!local) return std::unexpected(local.error());
  if (local->path.empty()) return bind_port(kSetting, worker::fd_name::kHttpApi, text);
  auto fd = listen_for_others(local->path, identity);
  if (!fd) return fail(fd.error().kind, "{}: {}", kSetting, fd.error().what);
  log::notice("listening", {{"for", worker::fd_name::kHttpApi}, {"address", text}});
  return fd;
}

}  // namespace

bool Listeners::passed(std::string_view name) const {
  return std::ranges::find(passed_names, name) != passed_names.end();
}

Result<Listeners> bind_listeners(const config::Config& config, const Identity& identity) {
  struct Group {
    std::string_view name, setting;
    const std::vector<std::string>& addresses;
  };
  const Group groups[] = {
      {worker::fd_name::kSmtp, "smtp_listen", config.smtp_listen},
      {worker::fd_name::kSmtpProxy, "smtp_proxy_listen", config.smtp_proxy_listen},
      {worker::fd_name::kHttp, "http_listen", config.http_listen},
      {worker::fd_name::kHttps, "https_listen", config.https_listen},
      {worker::fd_name::kHttpApi, "http_api_listen", config.http_api_listen}};
  Listeners listeners;
  auto passed = adopt_passed_listeners();
  if (!passed) return std::unexpected(passed.error());
  listeners.fds = std::move(*passed);
  for (const worker::NamedFd& one : listeners.fds) listeners.passed_names.push_back(one.name);
  for (const Group& group : groups) {
    if (listeners.passed(group.name)) continue;
    for (const std::string& text : group.addresses) {
      auto fd = group.name == worker::fd_name::kHttpApi
                    ? bind_local(text, identity)
                    : bind_port(group.setting, group.name, text);
      if (!fd) return std::unexpected(fd.error());
      listeners.fds.push_back({std::string(group.name), std::move(*fd)});
    }
  }
  return listeners;
}

void remove_unix_sockets(const config::Config& config) {
  for (const std::string& text : config.http_api_listen) {
    const auto local = config::parse_local_listen(text);
    if (local && !local->path.empty()) remove_socket(local->path);
  }
}

Result<UniqueFd> listen_unix(const std::string& path) {
  const auto address = net::SocketAddress::of_path(path);
  if (!address) {
    return fail(ErrorKind::kConfig, "runtime_dir: {} is too long for a socket's path", path);
  }
  unlink(path.c_str());
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || bind(fd.get(), address->get(), address->size()) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    const int error_number = errno;
    return fail(ErrorKind::kSystem, "cannot listen on {}: {}", path, errno_text(error_number));
  }
  return fd;
}

}  // namespace restante::master
