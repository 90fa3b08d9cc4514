// SPDX-License-Identifier: ISC
// What a list is asked for: the parameters of a query, and the link to the next page.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "shared/store/mail_store.h"

namespace restante::apid {

// What takes the parameters: not all of them have a meaning everywhere.
enum class QueryFor : std::uint8_t {
  kList,
  kOne,     // the newest mail, or the oldest one to claim: filters and wait
  kEvents,  // filters alone
};

struct ListRequest {
  ListQuery query;
  std::string kept;  // the parameters that all pages have in common but limit: "&name=value…"
  std::chrono::milliseconds wait{0};
};

// The error is the text of a 400.
[[nodiscard]] std::expected<ListRequest, std::string> parse_list_request(
    std::string_view query, QueryFor what = QueryFor::kList);

// The names of the parameters that it takes, in the order of the table.
[[nodiscard]] std::vector<std::string_view> parameter_names(QueryFor what);

// The value of the Link field (RFC 8288 section 3): it leads to what is older than `last`. The
// target is relative to the request for `path`.
[[nodiscard]] std::string next_link(std::string_view path, const ListRequest& request, MailId last);

}  // namespace restante::apid
