// SPDX-License-Identifier: ISC
// What each kind of worker needs follows from its configuration.
#include "shared/worker/needs.h"

#include <algorithm>
#include <string>

#include "shared/base/program.h"
#include "testing.h"

namespace {

using restante::Program;
using restante::config::Config;
using restante::worker::Needs;

Needs needs(Program kind, const std::string& redis, const std::string& acme = "") {
  Config config;
  config.redis = redis;
  config.acme_directory = acme;
  return restante::worker::needs_of(kind, config);
}

std::string ports(const Needs& needs) {
  if (!needs.rules.ports) return "any";
  std::string text;
  for (const auto port : *needs.rules.ports)
    text += (text.empty() ? "" : " ") + std::to_string(port);
  return text;
}

bool reads(const Needs& needs, const std::string& path) {
  return std::ranges::find(needs.rules.readable, path) != needs.rules.readable.end();
}

TEST(mimed_reaches_nothing) {
  const Needs none = needs(Program::kMimed, "redis.example.com", "/acme");
  assert_false(none.sockets || none.tcp || none.names || none.files());
  assert_same(ports(none), "");
}

TEST(a_redis_at_a_unix_socket_needs_no_network_and_no_file) {
  const Needs local = needs(Program::kSmtpd, "unix:/run/redis.sock");
  assert_true(local.sockets);
  assert_false(local.tcp || local.names || local.files());
  assert_same(ports(local), "");
}

TEST(a_redis_by_address_needs_its_port_alone) {
  for (const char* redis : {"127.0.0.1:7000", "redis://:password@[::1]:7000/2"}) {
    const Needs one = needs(Program::kSmtpd, redis);
    assert_true(one.tcp);
    assert_false(one.names || one.files());
    assert_same(ports(one), "7000");
  }
}

TEST(a_redis_on_localhost_needs_etc_hosts_and_no_name_server) {
  const Needs one = needs(Program::kApid, "localhost:7000");
  assert_true(one.tcp && reads(one, "/etc/hosts"));
  assert_false(one.names);
  assert_same(ports(one), "7000");
}

TEST(a_redis_by_name_needs_the_resolver) {
  const Needs one = needs(Program::kApid, "redis.example.com");
  assert_true(one.tcp && one.names && reads(one, "/etc/resolv.conf"));
  assert_same(ports(one), "6379 53");
}

TEST(behind_sentinels_redis_may_be_anywhere) {
  const Needs one = needs(Program::kSmtpd, "sentinel://127.0.0.1:26379/mail");
  assert_true(one.tcp && one.names);
  assert_same(ports(one), "any");
}

TEST(apid_alone_reads_the_challenges) {
  const std::string redis = "unix:/run/redis.sock";
  assert_true(reads(needs(Program::kApid, redis, "/acme"), "/acme"));
  assert_false(needs(Program::kApid, redis).files());
  assert_false(needs(Program::kSmtpd, redis, "/acme").files());
}

}  // namespace
