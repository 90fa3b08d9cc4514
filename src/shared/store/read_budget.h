// SPDX-License-Identifier: ISC
// How much may be on its way from Redis to one worker at once. Redis keeps an answer in its own
// memory until it is read, whoever asked for it and for how many others at the same time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace restante {

class ReadBudget {
 public:
  // Its bytes are let go with the last copy.
  using Place = std::shared_ptr<void>;

  explicit ReadBudget(std::uint64_t limit);

  // Calls `enter` as soon as there is room for so many bytes, maybe from within; who comes first
  // has his turn first. With nobody inside there is room for any number.
  void take(std::uint64_t bytes, std::function<void(Place)> enter);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace restante
