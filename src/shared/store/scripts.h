// SPDX-License-Identifier: ISC
// The Lua scripts that Redis runs, each as one atomic step on one mailbox or frame: the files of
// scripts/, embedded as they are. The comment at the top of each file documents its KEYS and ARGV.
#pragma once

#include <string_view>

namespace restante::store {

[[nodiscard]] std::string_view put_script();
[[nodiscard]] std::string_view put_frame_script();
[[nodiscard]] std::string_view room_script();
[[nodiscard]] std::string_view release_frame_script();
[[nodiscard]] std::string_view clear_script();
[[nodiscard]] std::string_view remove_script();
[[nodiscard]] std::string_view claim_script();
[[nodiscard]] std::string_view release_script();
[[nodiscard]] std::string_view measure_script();

}  // namespace restante::store
