// SPDX-License-Identifier: ISC
// How many connections each client holds.
#include "smtpd/protocol/client_table.h"

#include <utility>

namespace restante::smtpd {

ClientTable::Place::Place(Place&& other) noexcept
    : counts_(std::exchange(other.counts_, nullptr)), mine_(other.mine_) {}

ClientTable::Place& ClientTable::Place::operator=(Place&& other) noexcept {
  std::swap(counts_, other.counts_);
  std::swap(mine_, other.mine_);
  return *this;
}

ClientTable::Place::~Place() {
  if (counts_ != nullptr && --mine_->second == 0) counts_->erase(mine_);
}

std::optional<ClientTable::Place> ClientTable::take(std::string_view key, std::uint64_t limit) {
  auto found = counts_.find(key);
  if (found == counts_.end()) found = counts_.emplace(key, 0).first;
  if (limit != 0 && found->second >= limit) return std::nullopt;
  ++found->second;
  return Place(counts_, found);
}

}  // namespace restante::smtpd
