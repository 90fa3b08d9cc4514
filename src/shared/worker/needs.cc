// SPDX-License-Identifier: ISC
// What a worker has to reach: Redis and what its name is resolved with, and the files of apid.
#include "shared/worker/needs.h"

#include <arpa/inet.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "shared/base/program.h"
#include "shared/config/redis_address.h"

namespace restante {
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

void reach_redis(const RedisAddress& redis, Reach& reach) {
  if (!redis.path.empty()) return;
  reach.tcp = true;
  if (!redis.sentinels.empty()) {
    reach.names = true;  // they may name a server by any name, and at any port
    reach.rules.ports.reset();
    reach.rules.readable = resolver_files();
    return;
  }
  reach.rules.ports = {redis.port};
  if (is_numeric(redis.host)) return;
  reach.rules.readable = resolver_files();
  if (is_local_name(redis.host)) return;
  reach.names = true;
  reach.rules.ports->push_back(kDnsPort);  // long answers come by TCP
}

}  // namespace

Reach reach_of(Program program, const Config& config) {
  Reach reach;
  reach.syslog = config.log_to == "syslog";
  reach.rules.ports.emplace();
  if (program == Program::kMimed) return reach;
  reach.sockets = true;
  if (const auto redis = parse_redis_address(config.redis)) reach_redis(*redis, reach);
  const bool has_files = program == Program::kApid && !config.acme_directory.empty();
  if (has_files) reach.rules.readable.push_back(config.acme_directory);
  return reach;
}

}  // namespace restante
