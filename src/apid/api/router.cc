// SPDX-License-Identifier: ISC
#include "apid/api/router.h"

#include <optional>
#include <utility>

namespace restante::apid {
namespace {

constexpr std::string_view kUser = "USER", kId = "ID", kNumber = "NUMBER";

// Removes the first segment, "/name", from `path` and returns "name".
std::string_view pop_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// Nothing if `path` does not fit the row's pattern.
std::optional<RouteMatch> match(const RouteRow& row, std::string_view path) {
  RouteMatch found{.row = &row, .user = {}, .id = {}, .number = {}};
  std::string_view pattern = row.pattern;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = pop_segment(pattern);
    const std::string_view given = pop_segment(path);
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

Route find_route(std::span<const RouteRow> rows, std::string_view method, std::string_view path) {
  if (!path.starts_with('/')) return NoSuchPath{};
  std::string allow;
  std::string_view fitting;  // the first pattern that fits is the one
  for (const RouteRow& row : rows) {
    const std::optional<RouteMatch> found = match(row, path);
    if (!found || (!fitting.empty() && row.pattern != fitting)) continue;
    fitting = row.pattern;
    const bool also_head = row.method == "GET";
    if (method == row.method || (also_head && method == "HEAD")) return *found;
    if (!allow.empty()) allow += ", ";
    allow += row.method;
    if (also_head) allow += ", HEAD";
  }
  if (allow.empty()) return NoSuchPath{};
  return NoSuchMethod{std::move(allow)};
}

std::string describe_routes(std::span<const RouteRow> rows) {
  std::string text;
  for (const RouteRow& row : rows) {
    if (!text.empty()) text += ", ";
    text.append(row.method).append(" ").append(row.pattern);
  }
  return text;
}

}  // namespace restante::apid
