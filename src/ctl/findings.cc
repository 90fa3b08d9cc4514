// SPDX-License-Identifier: ISC
#include "ctl/findings.h"

#include "ctl/text.h"

namespace restante::ctl {
namespace {

constexpr std::int64_t kDay = 86400;

}  // namespace

std::string_view grade_name(Grade grade) {
  constexpr std::string_view kNames[] = {"good", "warning", "bad"};
  return kNames[static_cast<std::size_t>(grade)];
}

Findings redis_findings(const redis::Judgement& judgement) {
  const std::string subject = "redis";
  Findings findings;
  for (const redis::Finding& one : judgement.findings) {
    findings.push_back(
        {one.loses ? Grade::kBad : Grade::kWarning, subject, one.what + "; " + one.advice});
  }
  if (judgement.nearly_full) {
    findings.push_back(
        {Grade::kBad, subject,
         "more than nine tenths of maxmemory are used: mail is deferred; set a "
         "larger maxmemory, or a shorter retention, or find who fills it: restantectl mailboxes"});
  }
  for (const std::string& good : judgement.good) findings.push_back({Grade::kGood, subject, good});
  return findings;
}

Finding judge_expiry(const std::string& path, std::int64_t expiry, std::int64_t now) {
  const std::string subject = "certificate";
  const std::int64_t left = expiry - now;
  if (left < 0) {
    return {Grade::kBad, subject,
            fmt::format("{} has expired on {}; renew it", path, date_text(expiry))};
  }
  const std::string text =
      fmt::format("{} expires in {}, on {}", path, span_text(left), date_text(expiry));
  if (left < 3 * kDay) return {Grade::kBad, subject, text + "; renew it"};
  if (left < 14 * kDay) return {Grade::kWarning, subject, text + "; renew it"};
  return {Grade::kGood, subject, text};
}

}  // namespace restante::ctl
