// SPDX-License-Identifier: ISC
// Where Redis is: the forms in which people write it.
#include "shared/config/redis_address.h"

#include <fmt/format.h>

#include "testing.h"

namespace {

using namespace restante;

std::string parts(std::string_view text) {
  const auto address = config::parse_redis_address(Exact(text).view());
  if (!address) return "bad";
  std::string found = address->path;
  if (!address->host.empty()) found = fmt::format("{} {}", address->host, address->port);
  for (const auto& sentinel : address->sentinels) {
    found += fmt::format("[{} {}]", sentinel.host, sentinel.port);
  }
  return fmt::format("{} {} {}:{} {}", found, address->master, address->user, address->password,
                     address->database);
}

TEST(each_form_is_taken_apart) {
  const struct {
    const char *text, *parts;
  } cases[] = {
      {"localhost", "localhost 6379  : 0"},
      {"localhost:7000", "localhost 7000  : 0"},
      {"[::1]:7000", "::1 7000  : 0"},
      {"unix:/run/redis.sock", "/run/redis.sock  : 0"},
      {"/run/redis.sock", "/run/redis.sock  : 0"},
      {"redis://host", "host 6379  : 0"},
      {"redis://host/", "host 6379  : 0"},
      {"redis://host/3", "host 6379  : 3"},
      {"redis://:secret@host:1", "host 1  :secret 0"},
      {"redis://user:se:c@ret@host:1/2", "host 1  user:se:c@ret 2"},
      {"sentinel://a/mail", "[a 26379] mail : 0"},
      {"sentinel://a:1,b,[::1]:3/mail", "[a 1][b 26379][::1 3] mail : 0"},
      {"sentinel://user:secret@a:1,b:2/mail/4", "[a 1][b 2] mail user:secret 4"},
      {"sentinel://:p/w@a:1/mail", "[a 1] mail :p/w 0"},
  };
  for (const auto& one : cases) assert_same(parts(one.text), one.parts);
}

TEST(what_is_none_is_refused) {
  for (const char* text :
       {"", ":6379", "host:", "host:0", "host:65536", "host:1x", "[::1", "redis://secret@host",
        "redis://host/x", "unix:", "sentinel://a:1", "sentinel://a:1/", "sentinel:///mail",
        "sentinel://a,,b/mail", "sentinel://a,/mail", "sentinel://a:x/mail", "sentinel://a/mail/x",
        "sentinel://p@a/mail"}) {
    assert_same(std::string(text) + " " + parts(text), std::string(text) + " bad");
  }
}

TEST(tls_is_asked_for) {
  if (!config::kRedisHasTls) {
    const auto refused = config::parse_redis_address("rediss://host");
    assert_true(refused.error().what.find("hiredis 1.1") != std::string::npos);
    return;
  }
  assert_same(parts("rediss://user:secret@host:1/2"), "host 1  user:secret 2");
  assert_true(config::parse_redis_address("rediss://host")->over_tls);
  assert_false(config::parse_redis_address("redis://host")->over_tls);
}

}  // namespace
