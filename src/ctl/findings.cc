// SPDX-License-Identifier: ISC
// What `restantectl check` finds.
#include "ctl/findings.h"

#include "ctl/text.h"

namespace restante::ctl {
namespace {

constexpr std::int64_t kDay = 86400;

Finding judge_eviction(const std::string& policy, const std::string& limit) {
  if (policy == "noeviction") {
    return {Grade::kGood, "redis", "maxmemory-policy is noeviction: a full Redis defers mail"};
  }
  const std::string advice = "set maxmemory-policy noeviction, and mail is deferred instead";
  if (limit == "0") {
    return {Grade::kWarning, "redis",
            fmt::format("maxmemory-policy is {}: with a maxmemory, mail would be thrown away when "
                        "it is reached; {}",
                        policy, advice)};
  }
  return {Grade::kBad, "redis",
          fmt::format("maxmemory-policy is {}: mail is thrown away when {} bytes are full; {}",
                      policy, limit, advice)};
}

Finding judge_log(const std::string& append_only, const std::string& sync,
                  const std::string& save) {
  const std::string advice = "set appendonly yes and appendfsync always";
  if (append_only != "yes" && save.empty()) {
    return {Grade::kBad, "redis",
            "appendonly is no and save is empty: all mail is lost when Redis ends; " + advice};
  }
  if (append_only != "yes") {
    return {Grade::kBad, "redis",
            fmt::format("appendonly is no and save is \"{}\": when Redis dies, the mail since its "
                        "last snapshot is lost, which was answered 250; {}",
                        save, advice)};
  }
  if (sync == "always") {
    return {Grade::kGood, "redis",
            "appendonly is yes and appendfsync always: what was answered 250 is on disk"};
  }
  if (sync == "everysec") {
    return {Grade::kWarning, "redis",
            "appendfsync is everysec: when the machine dies, up to a second or two of mail is "
            "lost, which was answered 250; set appendfsync always"};
  }
  return {
      Grade::kBad, "redis",
      fmt::format("appendfsync is {}: when the machine dies, the mail of up to half a minute is "
                  "lost, which was answered 250; set appendfsync always",
                  sync)};
}

}  // namespace

std::string_view grade_name(Grade grade) {
  constexpr std::string_view kNames[] = {"good", "warning", "bad"};
  return kNames[static_cast<std::size_t>(grade)];
}

Findings judge_persistence(const std::function<std::string(std::string_view)>& get) {
  return {judge_eviction(get("maxmemory-policy"), get("maxmemory")),
          judge_log(get("appendonly"), get("appendfsync"), get("save"))};
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
