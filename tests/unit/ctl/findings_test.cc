// SPDX-License-Identifier: ISC
// What `restantectl check` makes of what it finds.
#include "ctl/findings.h"

#include <string>

#include "testing.h"

namespace {

using namespace restante;
using namespace restante::ctl;

TEST(what_could_lose_mail_is_a_finding) {
  redis::Judgement judgement;
  judgement.good.emplace_back("well");
  judgement.findings.push_back({redis::Risk::kNoLog, true, "it is lost", "do this"});
  judgement.findings.push_back({redis::Risk::kLogLate, false, "it might be", "do that"});
  std::string text;
  for (const Finding& finding : redis_findings(judgement)) {
    text += std::string(grade_name(finding.grade)) + " " + finding.text + "\n";
  }
  assert_same(text, "bad it is lost; do this\nwarning it might be; do that\ngood well\n");
}

TEST(a_certificate_is_good_for_two_weeks_or_more) {
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
