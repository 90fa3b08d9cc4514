// SPDX-License-Identifier: ISC
// Gives the memory of a text back. `text = {}` and clear() keep it, and a client that has sent
// something large once would hold it for as long as it stays.
#pragma once

#include <string>

namespace restante::smtpd {

inline void release_memory(std::string& text) { std::string().swap(text); }

}  // namespace restante::smtpd
