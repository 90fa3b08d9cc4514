// SPDX-License-Identifier: ISC
// What a reload leaves to a restart is put back, and named; all else is taken.
#include "master/reload.h"

#include <fmt/ranges.h>

#include "testing.h"

namespace {

using namespace restante;

config::Config read(std::initializer_list<const char*> settings) {
  config::Loader reader;
  for (const char* setting : settings) (void)reader.set(setting, "test");
  return reader.config();
}

struct Row {
  std::initializer_list<const char*> current, fresh;
  const char* kept;
};

TEST(what_needs_a_restart_is_kept_and_named) {
  const Row rows[] = {
      {{}, {}, ""},
      {{}, {"smtpd_workers=3", "redis=unix:/other", "log_level=debug", "domain=example.org"}, ""},
      {{"smtp_listen=*:25"}, {"smtp_listen=*:26"}, "smtp_listen"},
      {{"http_listen=*:80"}, {"http_listen="}, "http_listen"},
      {{},
       {"user=other", "runtime_dir=/other", "https_listen=*:8443"},
       "https_listen runtime_dir user"},
      {{},
       {"smtp_proxy_listen=*:26", "http_api_listen=unix:/other"},
       "http_api_listen smtp_proxy_listen"},
      {{"redis=private"}, {"redis=localhost:6379"}, "redis"},
      {{"redis=localhost:6379"}, {"redis=private"}, "redis"},
      {{"redis=private"}, {"redis=private", "redis_directory=/other"}, "redis_directory"},
      {{"redis=private"}, {"redis=private", "redis_memory=1G"}, "redis_memory"},
      {{}, {"redis_directory=/other"}, ""},  // nobody uses it
  };
  for (const Row& row : rows) {
    const config::Config current = read(row.current);
    config::Config fresh = read(row.fresh);
    assert_same(fmt::format("{}", fmt::join(master::keep_what_needs_restart(current, fresh), " ")),
                row.kept);
    assert_true(master::keep_what_needs_restart(current, fresh).empty());
  }
}

TEST(what_can_be_reloaded_is_taken) {
  const config::Config current = read({"redis=private", "smtp_listen=*:25", "retention=1h"});
  config::Config fresh = read({"redis=localhost:1", "smtp_listen=*:26", "retention=2h"});
  (void)master::keep_what_needs_restart(current, fresh);
  assert_same(fresh.redis, "private");
  assert_same(fresh.smtp_listen.front(), "*:25");
  assert_true(fresh.retention == std::chrono::hours(2));
}

}  // namespace
