// SPDX-License-Identifier: ISC
// Gives the memory of a text back. `text = {}` and clear() keep it, and a client that has sent
// something large once would hold it for as long as it stays.
#pragma once

#include <string>

namespace restante::smtpd {

inline void give_back(std::string& text) { std::string().swap(text); }

}  // namespace restante::smtpd
