// SPDX-License-Identifier: ISC
// What `restantectl check` says of Redis and of certificates.
#include "ctl/findings.h"

#include <map>
#include <string>

#include "testing.h"

namespace {

using namespace restante::ctl;

struct Settings {
  std::map<std::string, std::string, std::less<>> values = {{"maxmemory-policy", "noeviction"},
                                                            {"maxmemory", "0"},
                                                            {"appendonly", "yes"},
                                                            {"appendfsync", "always"},
                                                            {"save", ""}};
  [[nodiscard]] std::string grades() const {
    std::string text;
    for (const Finding& finding :
         judge_persistence([this](std::string_view name) { return values.find(name)->second; })) {
      text += std::string(grade_name(finding.grade)) + " ";
    }
    return text;
  }
};

void what_a_redis_may_lose_is_named(void**) {
  const struct {
    const char *name, *value, *name2, *value2, *grades;
  } cases[] = {
      {"save", "", "save", "", "good good "},
      {"maxmemory-policy", "allkeys-lru", "maxmemory", "0", "warning good "},
      {"maxmemory-policy", "volatile-ttl", "maxmemory", "1000", "bad good "},
      {"appendfsync", "everysec", "maxmemory", "1000", "good warning "},
      {"appendfsync", "no", "save", "", "good bad "},
      {"appendonly", "no", "save", "", "good bad "},
      {"appendonly", "no", "save", "3600 1", "good bad "},
  };
  for (const auto& one : cases) {
    Settings settings;
    settings.values[one.name] = one.value;
    settings.values[one.name2] = one.value2;
    assert_same(settings.grades(), one.grades);
  }
}

void a_certificate_is_good_for_two_weeks_or_more(void**) {
  constexpr std::int64_t kDay = 86400, kNow = 1'800'000'000;
  const struct {
    std::int64_t left;
    Grade grade;
  } cases[] = {{-1, Grade::kBad},
               {3 * kDay - 1, Grade::kBad},
               {3 * kDay, Grade::kWarning},
               {14 * kDay - 1, Grade::kWarning},
               {14 * kDay, Grade::kGood}};
  for (const auto& one : cases) {
    assert_true(judge_expiry("a.pem", kNow + one.left, kNow).grade == one.grade);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_a_redis_may_lose_is_named),
      cmocka_unit_test(a_certificate_is_good_for_two_weeks_or_more),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
