// SPDX-License-Identifier: ISC
// What each kind of worker may reach follows from its configuration.
#include "shared/worker/needs.h"

#include <algorithm>
#include <string>

#include "shared/base/program.h"
#include "testing.h"

namespace {

using restante::Config;
using restante::Program;
using restante::Reach;

Reach reach(Program kind, const std::string& redis, const std::string& acme = "") {
  Config config;
  config.redis = redis;
  config.acme_directory = acme;
  return restante::reach_of(kind, config);
}

std::string ports(const Reach& reach) {
  if (!reach.rules.ports) return "any";
  std::string text;
  for (const auto port : *reach.rules.ports)
    text += (text.empty() ? "" : " ") + std::to_string(port);
  return text;
}

bool reads(const Reach& reach, const std::string& path) {
  return std::ranges::find(reach.rules.readable, path) != reach.rules.readable.end();
}

TEST(mimed_reaches_nothing) {
  const Reach none = reach(Program::kMimed, "redis.example.com", "/acme");
  assert_false(none.sockets || none.tcp || none.names || none.files());
  assert_same(ports(none), "");
}

TEST(a_redis_at_a_unix_socket_needs_no_network_and_no_file) {
  const Reach local = reach(Program::kSmtpd, "unix:/run/redis.sock");
  assert_true(local.sockets);
  assert_false(local.tcp || local.names || local.files());
  assert_same(ports(local), "");
}

TEST(a_redis_by_address_needs_its_port_alone) {
  for (const char* redis : {"127.0.0.1:7000", "redis://:password@[::1]:7000/2"}) {
    const Reach one = reach(Program::kSmtpd, redis);
    assert_true(one.tcp);
    assert_false(one.names || one.files());
    assert_same(ports(one), "7000");
  }
}

TEST(a_redis_on_localhost_needs_etc_hosts_and_no_name_server) {
  const Reach one = reach(Program::kApid, "localhost:7000");
  assert_true(one.tcp && reads(one, "/etc/hosts"));
  assert_false(one.names);
  assert_same(ports(one), "7000");
}

TEST(a_redis_by_name_needs_the_resolver) {
  const Reach one = reach(Program::kApid, "redis.example.com");
  assert_true(one.tcp && one.names && reads(one, "/etc/resolv.conf"));
  assert_same(ports(one), "6379 53");
}

TEST(behind_sentinels_redis_may_be_anywhere) {
  const Reach one = reach(Program::kSmtpd, "sentinel://127.0.0.1:26379/mail");
  assert_true(one.tcp && one.names);
  assert_same(ports(one), "any");
}

TEST(apid_alone_reads_the_challenges) {
  const std::string redis = "unix:/run/redis.sock";
  assert_true(reads(reach(Program::kApid, redis, "/acme"), "/acme"));
  assert_false(reach(Program::kApid, redis).files());
  assert_false(reach(Program::kSmtpd, redis, "/acme").files());
}

}  // namespace
