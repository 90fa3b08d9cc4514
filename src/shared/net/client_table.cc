// SPDX-License-Identifier: ISC
#include "shared/net/client_table.h"

#include <utility>

namespace restante::net {

ClientTable::Slot::Slot(Slot&& other) noexcept
    : counts_(std::exchange(other.counts_, nullptr)), mine_(other.mine_) {}

ClientTable::Slot& ClientTable::Slot::operator=(Slot&& other) noexcept {
  std::swap(counts_, other.counts_);
  std::swap(mine_, other.mine_);
  return *this;
}

ClientTable::Slot::~Slot() {
  if (counts_ != nullptr && --mine_->second == 0) counts_->erase(mine_);
}

std::optional<ClientTable::Slot> ClientTable::admit(std::string_view key, std::uint64_t limit) {
  auto found = counts_.find(key);
  if (found == counts_.end()) found = counts_.emplace(key, 0).first;
  if (limit != 0 && found->second >= limit) return std::nullopt;
  ++found->second;
  return Slot(counts_, found);
}

}  // namespace restante::net
