// SPDX-License-Identifier: ISC
// The supervisor's generations of workers: a new one is started beside the one that serves, and
// takes its place when all of it is ready. Until then nothing is lost by giving it up.
#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "master/notify.h"
#include "master/supervisor.h"
#include "shared/log/log.h"
#include "shared/memory/rate_table.h"

namespace restante::master {

void Supervisor::on_reload(Prepare prepare, std::function<void()> adopt) {
  prepare_ = std::move(prepare);
  adopt_ = std::move(adopt);
}

// It becomes `next_`, and its processes are due to be started.
Result<void> Supervisor::add_generation(WorkerSet workers) {
  auto life = make_pipe();
  if (!life) return std::unexpected(life.error());
  next_ = std::make_shared<Generation>(Generation{.number = last_generation_,
                                                  .workers = std::move(workers),
                                                  .life = std::move(*life),
                                                  .begun = monotonic_now()});
  for (const Role& role : next_->workers.roles) {
    for (std::uint64_t number = 0; number < role.count; ++number) {
      slots_.push_back({.role = &role, .number = number, .generation = next_});
    }
  }
  return {};
}

bool Supervisor::serves(const Generation* generation) const {
  return std::ranges::all_of(slots_, [generation](const Slot& slot) {
    return slot.generation.get() != generation || slot.state == State::kReady;
  });
}

void Supervisor::continue_reload() {
  if (!announced_ || stopping_) return;
  if (!next_ && std::exchange(reload_wanted_, false)) begin_reload();
  if (!next_) return;
  if (serves(next_.get())) return finish_reload();
  if (monotonic_now() < next_->begun + next_->workers.ready_limit) return;
  give_up_reload(fmt::format("not all of the new workers were ready within {} s",
                             next_->workers.ready_limit.count() / 1000));
}

void Supervisor::begin_reload() {
  const Time begun = monotonic_now();
  ++last_generation_;
  log::notice("reload_started", {{"generation", last_generation_}});
  notify::reloading();
  auto workers = prepare_(last_generation_);
  if (!workers) return give_up_reload(workers.error().what);
  if (auto added = add_generation(std::move(*workers)); !added) {
    return give_up_reload(added.error().what);
  }
  next_->begun = begun;
}

void Supervisor::finish_reload() {
  leave(std::exchange(current_, std::exchange(next_, nullptr)));
  adopt_();
  board_.head().generation.store(current_->number);
  board_.head().reloads.fetch_add(1);
  log::notice("reload_done", {{"generation", current_->number},
                              {"ms", (monotonic_now() - current_->begun).count()}});
  notify::ready(status());
}

void Supervisor::give_up_reload(std::string_view reason) {
  log::error("reload_failed", {{"generation", last_generation_}, {"reason", reason}});
  if (next_) leave(std::exchange(next_, nullptr));
  board_.head().failed_reloads.fetch_add(1);
  notify::ready(fmt::format("{}; the last reload failed: {}", status(), reason));
}

// It may have clients also when it was given up: each worker takes some once it is ready.
void Supervisor::leave(const std::shared_ptr<Generation>& generation) {
  generation->leaving = true;
  // Workers end by themselves within drain_timeout; a second more, and they hang.
  generation->kill_at =
      monotonic_now() + generation->workers.drain_timeout + std::chrono::seconds(1);
  const char word = 0;
  [[maybe_unused]] const ssize_t written = write(generation->life.writer.get(), &word, sizeof word);
  for (Slot& slot : slots_) {
    if (slot.generation != generation) continue;
    if (slot.pid < 0) slot.state = State::kGone;
    show(slot, ProcessState::kDraining);
  }
  leaving_.push_back(generation);
}

void Supervisor::continue_draining() {
  if (leaving_.empty() || stopping_) return;
  const Time now = monotonic_now();
  for (const auto& generation : leaving_) {
    if (now < generation->kill_at) continue;
    generation->kill_at = now + std::chrono::seconds(10);
    for (const Slot& slot : slots_) {
      if (slot.generation == generation && slot.pid >= 0) kill(slot.pid, SIGKILL);
    }
  }
  std::erase_if(slots_, [](const Slot& slot) {
    return slot.state == State::kGone && slot.generation && slot.generation->leaving;
  });
  std::erase_if(leaving_, [](const std::shared_ptr<Generation>& generation) {
    if (generation.use_count() > 1) return false;
    log::notice("generation_ended", {{"generation", generation->number}});
    return true;
  });
}

// What serves has of every kind one process at least that is ready; more is not to be asked, or a
// client that knocks over workers could have the whole restarted.
bool Supervisor::is_healthy() const {
  return std::ranges::all_of(slots_, [this](const Slot& slot) {
    if (slot.generation != nullptr && slot.generation != current_) return true;
    return std::ranges::any_of(slots_, [&slot](const Slot& other) {
      return other.role == slot.role && other.state == State::kReady;
    });
  });
}

std::string Supervisor::status() const {
  const auto count = std::ranges::count_if(slots_, [this](const Slot& slot) {
    return slot.generation == nullptr || slot.generation == current_;
  });
  return fmt::format("serving, generation {}, {} processes", current_->number, count);
}

}  // namespace restante::master
