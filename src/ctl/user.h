// SPDX-License-Identifier: ISC
// The argument `user` of restantectl: which mailbox it names, and how a mailbox is named by it.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::ctl {

// The key (mail/mailbox_name.h) of the mailbox that `user` names: the local part of an address, a
// whole address, or, with a "%", the name of a mailbox in which bytes are encoded as %XX. kConfig.
[[nodiscard]] Result<std::string> mailbox_of(const config::Config& config, const std::string& user);

// A `user` for which mailbox_of() gives this key. Senders choose the names of mailboxes, so
// whatever a shell, a terminal or mailbox_of() could take for something else is encoded.
[[nodiscard]] std::string user_of(const config::Config& config, std::string_view mailbox);

}  // namespace restante::ctl
