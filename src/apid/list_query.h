// SPDX-License-Identifier: ISC
// What a list is asked for: the parameters of a query, and the link to the next page.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "shared/mail_store.h"

namespace restante::apid {

struct ListRequest {
  ListQuery query;
  std::string kept;  // the parameters that all pages have in common but limit: "&name=value…"
};

// The error is the text of a 400.
[[nodiscard]] std::expected<ListRequest, std::string> parse_list_request(std::string_view query);

// For the newest mail alone: what a list takes, but for limit, before and view.
[[nodiscard]] std::expected<ListQuery, std::string> parse_latest_query(std::string_view query);

// The value of the Link field (RFC 8288 section 3): it leads to what is older than `last`. The
// target is relative to the request for `path`.
[[nodiscard]] std::string next_link(std::string_view path, const ListRequest& request, MailId last);

}  // namespace restante::apid
