// SPDX-License-Identifier: ISC
// The redis-server that the master starts with the setting redis = private: its command, its user
// and its sandbox.
#pragma once

#include <vector>

#include "master/process_table.h"
#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

// Returns the roles that belong to no generation: redis-server with redis = private, else none.
[[nodiscard]] std::vector<Role> auxiliary_roles(const config::Config& config);

// Returns kConfig if the configuration says redis = private and PATH has no redis-server.
[[nodiscard]] Result<void> check_private_redis(const config::Config& config);

}  // namespace restante::master
