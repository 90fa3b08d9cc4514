// SPDX-License-Identifier: ISC
// What of a Redis could lose mail, by what it says of itself.
#include "shared/redis/durability.h"

#include <string>

#include "testing.h"

namespace {

using namespace restante;

redis::Facts safe() {
  return {{"role", "master"},         {"aof_enabled", "1"},
          {"maxmemory", "9000000"},   {"maxmemory_policy", "noeviction"},
          {"evicted_keys", "0"},      {"aof_last_write_status", "ok"},
          {"appendfsync", "always"},  {"save", ""},
          {"used_memory", "1000000"}, {"min-replicas-to-write", "0"}};
}

std::string judged(const redis::Facts& facts, bool behind_sentinel = false) {
  std::string text;
  for (const redis::Finding& finding : redis::judge(facts, behind_sentinel).findings) {
    text += std::string(redis::risk_name(finding.risk)) + (finding.loses ? "! " : " ");
  }
  return text;
}

TEST(what_a_redis_may_lose_is_named) {
  const struct {
    redis::Facts changes;
    const char* risks;
  } cases[] = {
      {{}, ""},
      {{{"maxmemory", "0"}}, "no_limit "},
      {{{"maxmemory_policy", "allkeys-lru"}, {"maxmemory", "0"}}, "eviction no_limit "},
      {{{"maxmemory_policy", "volatile-ttl"}, {"maxmemory", "1000"}}, "eviction! "},
      {{{"maxmemory_policy", "volatile-ttl"}, {"maxmemory", "9"}, {"evicted_keys", "4"}},
       "eviction! evicting! "},
      {{{"evicted_keys", "4"}}, ""},
      {{{"appendfsync", "everysec"}}, "log_late "},
      {{{"appendfsync", "no"}}, "log_late! "},
      {{{"aof_last_write_status", "err"}}, "log_fails! "},
      {{{"aof_enabled", "0"}}, "no_log! "},
      {{{"aof_enabled", "0"}, {"save", "3600 1"}}, "no_log! "},
      {{{"role", "slave"}}, "replica! "},
  };
  for (const auto& one : cases) {
    redis::Facts facts = safe();
    for (const auto& [name, value] : one.changes) facts[name] = value;
    assert_same(judged(facts), one.risks);
  }
}

TEST(without_a_limit_no_mail_is_lost) {
  const redis::Risks both = bit_of(redis::Risk::kNoLimit) | bit_of(redis::Risk::kNoLog);
  assert_true(redis::losing(both) == bit_of(redis::Risk::kNoLog));
  assert_true(redis::losing(bit_of(redis::Risk::kNoLimit)) == 0);
}

TEST(what_is_not_told_is_unknown) {
  redis::Facts facts = safe();
  facts.erase("appendfsync");
  facts.erase("save");
  assert_same(judged(facts), "unknown ");
  facts["aof_enabled"] = "0";
  assert_same(judged(facts), "no_log! ");  // INFO says enough
  assert_same(judged({{"appendfsync", "always"}}), "unknown ");
}

TEST(behind_a_sentinel_a_replica_has_to_be_there) {
  redis::Facts facts = safe();
  assert_same(judged(facts, true), "no_replica ");
  facts["min-replicas-to-write"] = "1";
  assert_same(judged(facts, true), "");
}

TEST(a_redis_is_nearly_full_above_nine_tenths) {
  redis::Facts facts = safe();
  facts["maxmemory"] = "0";
  assert_false(redis::judge(facts, false).nearly_full);
  facts["maxmemory"] = "1000";
  facts["used_memory"] = "900";
  assert_false(redis::judge(facts, false).nearly_full);
  facts["used_memory"] = "901";
  assert_true(redis::judge(facts, false).nearly_full);
}

TEST(risks_are_bits_with_names) {
  const redis::Risks both =
      redis::bit_of(redis::Risk::kEviction) | redis::bit_of(redis::Risk::kNoLog);
  assert_same(redis::risk_names(both), "eviction, no_log");
  redis::Facts facts = safe();
  facts["maxmemory_policy"] = "allkeys-lru";
  facts["aof_enabled"] = "0";
  assert_true(redis::judge(facts, false).risks() == both);
}

}  // namespace
