// SPDX-License-Identifier: ISC
// Finds the row of a route table that a request's method and path ask for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace restante::apid {

class Responder;
struct Request;
struct RouteMatch;
struct Services;

enum class Access : std::uint8_t {
  kWithKey,
  kWithKeyOrToken,   // the key may also be sent as a bearer token
  kAnyone,           // no key needed
  kAnyoneUncounted,  // … and the rate limit does not count the request
};

// Responds to one request that has passed the checks of Api::handle(). `respond` may be called
// before the handler returns or later. What a handler keeps of `request` and `match` it copies.
using RouteHandler = void (*)(Services& services, const Request& request, const RouteMatch& match,
                              const Responder& respond);

struct RouteRow {
  std::string_view method;
  std::string_view pattern;  // the segments USER, ID and NUMBER stand for one non-empty segment
  Access access;
  RouteHandler handler;
};

struct RouteMatch {
  const RouteRow* row;
  // Views of the path, still percent-encoded; empty if the pattern has no such segment.
  std::string_view user, id, number;
};

struct NoSuchPath {};

struct NoSuchMethod {
  std::string allow;  // value of the Allow field (RFC 9110 section 10.2.1)
};

using Route = std::variant<RouteMatch, NoSuchPath, NoSuchMethod>;

// Returns the first of `rows` that fits. HEAD is served wherever GET is (RFC 9110 section 9.3.2).
// `path` is compared as it was sent: "/%65mails/a" is not "/emails/a", so that a proxy and this
// server never disagree about a path.
[[nodiscard]] Route find_route(std::span<const RouteRow> rows, std::string_view method,
                               std::string_view path);

// "GET /emails/USER, DELETE /emails/USER, …": all of `rows`.
[[nodiscard]] std::string describe_routes(std::span<const RouteRow> rows);

}  // namespace restante::apid
