// SPDX-License-Identifier: ISC
// How many connections each client holds, so that none takes them all.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace restante::net {

// Counts by key, which is ClientAddress::rate_key. A tree, since clients choose the keys: there is
// nothing to collide. Outlives its slots.
class ClientTable {
  using Counts = std::map<std::string, std::uint64_t, std::less<>>;

 public:
  // One connection's slot; given back when it is destroyed.
  class Slot {
   public:
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot();

    // Connections that the client of this one holds.
    [[nodiscard]] std::uint64_t of_client() const { return mine_->second; }

   private:
    friend class ClientTable;
    Slot(Counts& counts, Counts::iterator mine) : counts_(&counts), mine_(mine) {}
    Counts* counts_;
    Counts::iterator mine_;
  };

  // None when the client has `limit` slots already; a limit of 0 is none.
  [[nodiscard]] std::optional<Slot> admit(std::string_view key, std::uint64_t limit);
  [[nodiscard]] std::size_t clients() const { return counts_.size(); }

 private:
  Counts counts_;
};

}  // namespace restante::net
