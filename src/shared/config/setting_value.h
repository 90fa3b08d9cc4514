// SPDX-License-Identifier: ISC
// The value of one setting: from text into Config, and back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/config/settings.h"

namespace restante::config {

// Reads `value` into the member of `config` that `setting` names. Returns what is wrong with the
// value; then the member may have changed.
[[nodiscard]] std::optional<std::string> assign_value(const Setting& setting,
                                                      std::string_view value, Config& config);

// The value of the member as a configuration file writes it; assign_value() reads it back.
[[nodiscard]] std::string value_text(const Setting& setting, const Config& config);

}  // namespace restante::config
