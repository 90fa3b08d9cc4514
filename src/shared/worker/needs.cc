// SPDX-License-Identifier: ISC
#include "shared/worker/needs.h"

#include <arpa/inet.h>

#include <filesystem>
#include <system_error>

#include "shared/config/redis_address.h"

namespace restante::worker {
namespace {

constexpr std::uint16_t kDnsPort = 53;

bool is_numeric(const std::string& host) {
  in6_addr binary{};
  return inet_pton(AF_INET, host.c_str(), &binary) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &binary) == 1;
}

// /etc/hosts has it on every machine, and no server is asked.
bool is_local_name(const std::string& host) { return host == "localhost"; }

// What the resolver of the C library reads (getaddrinfo(3)). A file that is kept elsewhere is
// replaced there, by a new one, whenever the network changes: so it is the directory that is open.
std::vector<std::string> resolver_files() {
  std::vector<std::string> files = {"/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf",
                                    "/etc/host.conf", "/etc/gai.conf"};
  std::error_code error;
  const auto target = std::filesystem::canonical("/etc/resolv.conf", error);
  if (!error && target.string().starts_with("/run/")) files.push_back(target.parent_path());
  return files;
}

void add_redis(const config::RedisAddress& redis, Needs& needs) {
  if (!redis.path.empty()) return;
  needs.tcp = true;
  if (!redis.sentinels.empty()) {
    needs.names = true;  // they may name a server by any name, and at any port
    needs.rules.ports.reset();
    needs.rules.readable = resolver_files();
    return;
  }
  needs.rules.ports = {redis.port};
  if (is_numeric(redis.host)) return;
  needs.rules.readable = resolver_files();
  if (is_local_name(redis.host)) return;
  needs.names = true;
  needs.rules.ports->push_back(kDnsPort);  // long answers come by TCP
}

}  // namespace

Needs needs_of(Program program, const config::Config& config) {
  Needs needs;
  needs.syslog = config.log_to == "syslog";
  needs.rules.ports.emplace();
  if (program == Program::kMimed) return needs;
  needs.sockets = true;
  if (const auto redis = config::parse_redis_address(config.redis)) add_redis(*redis, needs);
  const bool has_files = program == Program::kApid && !config.acme_directory.empty();
  if (has_files) needs.rules.readable.push_back(config.acme_directory);
  return needs;
}

}  // namespace restante::worker
