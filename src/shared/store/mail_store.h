// SPDX-License-Identifier: ISC
// The name that apid/api still uses for the store.
#pragma once

#include "shared/store/claims.h"
#include "shared/store/reader.h"

namespace restante {
using MailStore = Reader;
}
