// SPDX-License-Identifier: ISC
// What `restantectl check` finds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"
#include "shared/config/config.h"
#include "shared/redis/durability.h"

namespace restante::ctl {

enum class Grade : std::uint8_t { kGood, kWarning, kBad };

struct Finding {
  Grade grade;
  std::string subject;  // "redis", "dns example.com"
  std::string text;     // what was found and, unless it is good, what to change
};
using Findings = std::vector<Finding>;

[[nodiscard]] std::string_view grade_name(Grade grade);

[[nodiscard]] Findings redis_findings(const redis::Judgement& judgement);

// What a certificate that ends then means now; both in Unix time.
[[nodiscard]] Finding judge_expiry(const std::string& path, std::int64_t expiry, std::int64_t now);

}  // namespace restante::ctl
