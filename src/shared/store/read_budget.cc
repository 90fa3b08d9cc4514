// SPDX-License-Identifier: ISC
// How much may be on its way from Redis to one worker at once.
#include "shared/store/read_budget.h"

#include <deque>
#include <utility>

namespace restante {

struct ReadBudget::State {
  struct Waiting {
    std::uint64_t bytes;
    std::function<void(Place)> enter;
  };
  // One that is inside. What is under way may outlive the budget.
  struct Inside {
    Inside(const std::shared_ptr<State>& budget, std::uint64_t its_bytes)
        : state(budget), bytes(its_bytes) {}
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() {
      const auto budget = state.lock();
      if (!budget) return;
      budget->taken -= bytes;
      admit(budget);
    }
    std::weak_ptr<State> state;
    std::uint64_t bytes;
  };
  struct Admitting {
    explicit Admitting(bool& is_admitting) : flag(is_admitting) { flag = true; }
    Admitting(const Admitting&) = delete;
    Admitting& operator=(const Admitting&) = delete;
    ~Admitting() { flag = false; }
    bool& flag;
  };

  [[nodiscard]] bool has_room() const {
    return taken == 0 || (taken <= limit && waiting.front().bytes <= limit - taken);
  }
  static void admit(const std::shared_ptr<State>& self);

  std::uint64_t limit, taken = 0;
  std::deque<Waiting> waiting = {};
  bool is_admitting = false;
};

// One that is through at once makes room from within: the loop sees it, so nothing nests.
void ReadBudget::State::admit(const std::shared_ptr<State>& self) {
  if (self->is_admitting) return;
  const Admitting now(self->is_admitting);
  while (!self->waiting.empty() && self->has_room()) {
    Waiting next = std::move(self->waiting.front());
    self->waiting.pop_front();
    auto place = std::make_shared<Inside>(self, next.bytes);
    self->taken += next.bytes;
    next.enter(std::move(place));
  }
}

ReadBudget::ReadBudget(std::uint64_t limit) : state_(new State{.limit = limit}) {}

void ReadBudget::take(std::uint64_t bytes, std::function<void(Place)> enter) {
  state_->waiting.push_back({bytes, std::move(enter)});
  State::admit(state_);
}

}  // namespace restante
