// SPDX-License-Identifier: ISC
// The query parameters of lists, and the link to the next page.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "shared/store/reader.h"

namespace restante::apid {

// The kinds of routes that take parameters. Each takes a subset.
enum class QueryFor : std::uint8_t {
  kList,
  kOne,     // one mail, the newest or the oldest one to claim: filters and wait
  kEvents,  // only filters
};

struct ListRequest {
  store::ListQuery query;
  std::string kept;  // the parameters of the link to the next page: "&name=value…"
  std::chrono::milliseconds wait{0};
};

// Parses `query` as it was sent, after the '?'. The error is the text of a 400.
[[nodiscard]] std::expected<ListRequest, std::string> parse_list_request(
    std::string_view query, QueryFor what = QueryFor::kList);

// The names of the parameters that `what` takes, in the order of the table.
[[nodiscard]] std::vector<std::string_view> parameter_names(QueryFor what);

// Returns the value of the Link field (RFC 8288 section 3) to the page of mails older than `last`.
// `path` is that of the request.
[[nodiscard]] std::string next_link(std::string_view path, const ListRequest& request,
                                    store::MailId last);

}  // namespace restante::apid
