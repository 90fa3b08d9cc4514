// SPDX-License-Identifier: ISC
#include "master/private_redis.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "master/machine_memory.h"
#include "shared/base/program.h"
#include "shared/worker/redis_sandbox.h"

namespace restante::master {
namespace {

// What anybody may do who connects to the socket: worker, restantectl and redis-cli. Keys and
// channels are those of ARCHITECTURE.md. Whatever is not here is refused: CONFIG SET, DEBUG,
// FLUSHALL, MIGRATE, MODULE, REPLICAOF, SHUTDOWN …
constexpr std::array kUser = {
    "default", "on", "nopass", "resetkeys", "resetchannels", "-@all", "~inbox:*", "~mail:*",
    "~frame:*", "~size:*", "~claimed:*", "~seen:*", "&inbox:*", "&restante",
    // The scripts, and what they and the workers call.
    "+eval", "+evalsha", "+script|load", "+exists", "+get", "+set", "+hdel", "+hget", "+hincrby",
    "+incrby", "+decrby", "+hset", "+pexpire", "+publish", "+subscribe", "+unsubscribe", "+time",
    "+unlink", "+xadd", "+xdel", "+xlen", "+xrange", "+xrevrange",
    // How durably it stores, and that it is there.
    "+config|get", "+info", "+ping",
    // restantectl mailboxes, and a backup by redis-cli --rdb.
    "+memory|usage", "+scan", "+replconf", "+sync"};

// The path of redis-server; empty if PATH has none.
std::string find_program() {
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path != nullptr ? path : "/usr/bin:/bin"; !rest.empty();) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    std::string program = fmt::format("{}/redis-server", rest.substr(0, end));
    if (access(program.c_str(), X_OK) == 0) return program;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

std::vector<std::string> command_of(const config::Config& config) {
  const std::uint64_t memory = config.redis_memory != 0 ? config.redis_memory : usable_memory() / 2;
  // Mail that was answered with 250 must survive a crash, so every write is on disk before its
  // reply (appendfsync always). Mail is compressed already, so a rewrite need not compress it
  // again. A full Redis refuses mail and evicts none.
  std::vector<std::string> command = {"redis-server",
                                      "--port",
                                      "0",
                                      "--unixsocket",
                                      config.runtime_dir + "/redis.sock",
                                      "--unixsocketperm",
                                      "700",
                                      "--dir",
                                      config.redis_directory,
                                      "--appendonly",
                                      "yes",
                                      "--appendfsync",
                                      "always",
                                      "--auto-aof-rewrite-min-size",
                                      "256mb",
                                      "--rdbcompression",
                                      "no",
                                      "--save",
                                      "",
                                      "--maxmemory",
                                      fmt::format("{}", memory),
                                      "--maxmemory-policy",
                                      "noeviction",
                                      "--daemonize",
                                      "no",
                                      "--loglevel",
                                      "warning",
                                      "--logfile",
                                      config.redis_directory + "/redis-server.log",
                                      "--user"};
  command.insert(command.end(), kUser.begin(), kUser.end());
  return command;
}

}  // namespace

std::vector<Role> auxiliary_roles(const config::Config& config) {
  if (config.redis != "private") return {};
  return {{.program = Program::kRedisServer,
           .command = command_of(config),
           .is_worker = false,
           .inherits = {},
           .one_for_each = {},
           .confine = [config] { return worker::enter_redis_sandbox(config, find_program()); }}};
}

Result<void> check_private_redis(const config::Config& config) {
  if (config.redis != "private" || !find_program().empty()) return {};
  return fail(
      ErrorKind::kConfig,
      "redis: private needs the program redis-server, and there is none in PATH: apt install "
      "redis-server, or give the address of a Redis");
}

}  // namespace restante::master
