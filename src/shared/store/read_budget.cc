// SPDX-License-Identifier: ISC
#include "shared/store/read_budget.h"

#include <deque>
#include <utility>

namespace restante::store {

struct ReadBudget::State {
  struct Waiting {
    std::uint64_t bytes;
    std::function<void(Reservation)> acquired;
  };
  struct Reserved {
    Reserved(const std::shared_ptr<State>& budget, std::uint64_t its_bytes)
        : state(budget), bytes(its_bytes) {}
    Reserved(const Reserved&) = delete;
    Reserved& operator=(const Reserved&) = delete;
    ~Reserved() {
      const auto budget = state.lock();
      if (!budget) return;
      budget->reserved -= bytes;
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
    return reserved == 0 || (reserved <= limit && waiting.front().bytes <= limit - reserved);
  }
  static void admit(const std::shared_ptr<State>& self);

  std::uint64_t limit, reserved = 0;
  std::deque<Waiting> waiting = {};
  bool is_admitting = false;
};

// A callback that drops its reservation at once calls admit() again. That call returns and leaves
// the rest to this loop, so that the stack does not grow.
void ReadBudget::State::admit(const std::shared_ptr<State>& self) {
  if (self->is_admitting) return;
  const Admitting now(self->is_admitting);
  while (!self->waiting.empty() && self->has_room()) {
    Waiting next = std::move(self->waiting.front());
    self->waiting.pop_front();
    auto reservation = std::make_shared<Reserved>(self, next.bytes);
    self->reserved += next.bytes;
    next.acquired(std::move(reservation));
  }
}

ReadBudget::ReadBudget(std::uint64_t limit) : state_(new State{.limit = limit}) {}

void ReadBudget::acquire(std::uint64_t bytes, std::function<void(Reservation)> acquired) {
  state_->waiting.push_back({bytes, std::move(acquired)});
  State::admit(state_);
}

}  // namespace restante::store
