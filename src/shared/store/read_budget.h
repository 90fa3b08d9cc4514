// SPDX-License-Identifier: ISC
// Limits the bytes that Redis sends to one worker at once. Redis keeps a reply in its own memory
// until the worker has read it, so many large reads at the same time could fill it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace restante::store {

class ReadBudget {
 public:
  // A share of the budget; destroying the last copy releases it. May outlive the budget.
  using Reservation = std::shared_ptr<void>;

  explicit ReadBudget(std::uint64_t limit);

  // Calls `acquired` once `bytes` fit into the budget, in the order of the calls; before acquire()
  // returns if they fit now. A request above the whole limit is granted when nothing is reserved.
  void acquire(std::uint64_t bytes, std::function<void(Reservation)> acquired);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace restante::store
