// SPDX-License-Identifier: ISC
// The route table: method and path to endpoint, and who may have it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace restante::apid {

enum class Endpoint : std::uint8_t {
  kListMails,
  kClearMailbox,
  kGetMail,
  kGetRaw,
  kGetAttachment,
  kDeleteMail,
  kClaimMail,
  kEvents,
  kMtaStsPolicy,
  kOpenApi,
  kHealth,
  kReadiness,
  kMetrics
};
enum class Access : std::uint8_t {
  kWithKey,
  kWithKeyOrToken,  // the key may also come as a bearer token
  kAnyone,
  kAnyoneUncounted,  // not by the rate limit either
};

struct RouteMatch {
  Endpoint endpoint;
  Access access;
  // Views of the path, still percent-encoded; empty where the pattern has no USER, ID or NUMBER.
  std::string_view user, id, number;
};

struct RouteRow {
  std::string_view method;
  std::string_view pattern;  // segments in capitals stand for one segment of any content
  Endpoint endpoint;
  Access access;
};

struct NoSuchPath {};

struct NoSuchMethod {
  std::string allow;  // value of the Allow field (RFC 9110 section 10.2.1)
};

using Route = std::variant<RouteMatch, NoSuchPath, NoSuchMethod>;

// HEAD is served wherever GET is (RFC 9110 section 9.3.2). `path` is compared as it was sent:
// "/%65mails/a" is not "/emails/a", so that a proxy's idea of a path and ours never differ.
[[nodiscard]] Route find_route(std::string_view method, std::string_view path);

// The whole table.
[[nodiscard]] std::span<const RouteRow> all_routes();

// "GET /emails/USER, DELETE /emails/USER, …": the whole table, for the 404.
[[nodiscard]] std::string describe_routes();

}  // namespace restante::apid
