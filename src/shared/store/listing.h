// SPDX-License-Identifier: ISC
// Lists the mail of a mailbox, for RedisReader and RedisClaims.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "shared/base/error.h"
#include "shared/store/read_resources.h"
#include "shared/store/reader.h"

namespace restante::store {

// See Reader::list().
void list_mail(ReadResources& resources, std::string_view mailbox, const ListQuery& query,
               std::function<void(Result<Page>)> done);

// The beginning of the range of ids that a query asks for, as XRANGE takes it.
[[nodiscard]] std::string range_start(const ListQuery& query, std::chrono::milliseconds retention);

}  // namespace restante::store
