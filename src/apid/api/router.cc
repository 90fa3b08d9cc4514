// SPDX-License-Identifier: ISC
// The route table: method and path to endpoint, and who may have it.
#include "apid/api/router.h"

#include <algorithm>
#include <array>

namespace restante::apid {
namespace {

// A pattern comes before those that are less particular.
constexpr std::array kRows = {
    RouteRow{"GET", "/emails/USER", Endpoint::kListMails, Access::kWithKey},
    RouteRow{"DELETE", "/emails/USER", Endpoint::kClearMailbox, Access::kWithKey},
    RouteRow{"POST", "/emails/USER/claim", Endpoint::kClaimMail, Access::kWithKey},
    RouteRow{"GET", "/emails/USER/events", Endpoint::kEvents, Access::kWithKey},
    RouteRow{"GET", "/emails/USER/ID", Endpoint::kGetMail, Access::kWithKey},
    RouteRow{"GET", "/emails/USER/ID/raw", Endpoint::kGetRaw, Access::kWithKey},
    RouteRow{"GET", "/emails/USER/ID/attachments/NUMBER", Endpoint::kGetAttachment,
             Access::kWithKey},
    RouteRow{"DELETE", "/emails/USER/ID", Endpoint::kDeleteMail, Access::kWithKey},
    RouteRow{"GET", "/.well-known/mta-sts.txt", Endpoint::kMtaStsPolicy, Access::kAnyone},
    RouteRow{"GET", "/openapi.json", Endpoint::kOpenApi, Access::kAnyone},
    RouteRow{"GET", "/metrics", Endpoint::kMetrics, Access::kWithKeyOrToken},
    RouteRow{"GET", "/healthz", Endpoint::kHealth, Access::kAnyoneUncounted},
    RouteRow{"GET", "/readyz", Endpoint::kReadiness, Access::kAnyoneUncounted},
};

constexpr std::string_view kUser = "USER", kId = "ID", kNumber = "NUMBER";

// Takes the first segment, "/name", off `path`.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// What stands for USER, ID and NUMBER in `path`; or nothing when `path` does not fit the pattern.
struct Segments {
  std::string_view user, id, number;
};
std::optional<Segments> match(std::string_view pattern, std::string_view path) {
  Segments found;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (wanted == kUser && !given.empty()) {
      found.user = given;
    } else if (wanted == kId && !given.empty()) {
      found.id = given;
    } else if (wanted == kNumber && !given.empty()) {
      found.number = given;
    } else if (wanted != given) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return found;
}

}  // namespace

Route find_route(std::string_view method, std::string_view path) {
  if (!path.starts_with('/')) return NoSuchPath{};
  std::string allow;
  std::string_view fitting;  // the first pattern that fits is the one
  for (const RouteRow& row : kRows) {
    const std::optional<Segments> found = match(row.pattern, path);
    if (!found || (!fitting.empty() && row.pattern != fitting)) continue;
    fitting = row.pattern;
    const bool also_head = row.method == "GET";
    if (method == row.method || (also_head && method == "HEAD")) {
      return RouteMatch{row.endpoint, row.access, found->user, found->id, found->number};
    }
    if (!allow.empty()) allow += ", ";
    allow += row.method;
    if (also_head) allow += ", HEAD";
  }
  if (allow.empty()) return NoSuchPath{};
  return NoSuchMethod{std::move(allow)};
}

std::span<const RouteRow> all_routes() { return kRows; }

std::string describe_routes() {
  std::string text;
  for (const RouteRow& row : kRows) {
    if (!text.empty()) text += ", ";
    text.append(row.method).append(" ").append(row.pattern);
  }
  return text;
}

}  // namespace restante::apid
