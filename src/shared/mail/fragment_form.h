// SPDX-License-Identifier: ISC
// The form that the fragments of a parser must have (message.h).
#pragma once

#include "shared/mail/message.h"

namespace restante::mail {

// Whether all three fragments have exactly the members that make_fragments() writes, in its order,
// in valid UTF-8 without control bytes. A parser that was taken over can then neither repeat or
// invent a member, such as `from` or `id`, nor make the JSON of a list invalid. One pass: the time
// is proportional to the size of the fragments.
[[nodiscard]] bool have_form(const Fragments& fragments);

}  // namespace restante::mail
