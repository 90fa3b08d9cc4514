// SPDX-License-Identifier: ISC
// The commands of restantectl(8). Each prints what it has to say and gives the exit status, or the
// error that it failed with.
#pragma once

#include "ctl/options.h"
#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::ctl {

[[nodiscard]] Result<int> run_status(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_top(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_check(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_mailboxes(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_inbox(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_show(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_rm(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_clear(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_reload(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_stop(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_key(const Options& options, const config::Config& config);
[[nodiscard]] Result<int> run_dns(const Options& options, const config::Config& config);

}  // namespace restante::ctl
