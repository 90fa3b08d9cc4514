// SPDX-License-Identifier: ISC
// Address lists of a header (RFC 5322 section 3.4), read by a loop: nothing in them is too deep.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "mimed/text/charset.h"
#include "shared/mail/message.h"

namespace restante::mimed {

inline constexpr std::size_t kAddressLimit = 1000;

// Appends the mailboxes of a From, To, … field to `out`, until that has kAddressLimit. Groups are
// flattened; display names are unquoted, with encoded words decoded; a comment behind an address
// without a display name is its name (`bob@x (Bob)`). Routes and the white space of obsolete forms
// go. What is no address gives what can be read of it: a name or an address may be empty, not both.
// Linear in the size of `raw`.
void append_addresses(CharsetConverter& converter, std::string_view raw,
                      std::vector<mail::NamedAddress>& out);

}  // namespace restante::mimed
