// SPDX-License-Identifier: ISC
#pragma once

#include "apid/http/responder.h"
