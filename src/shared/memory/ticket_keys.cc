// SPDX-License-Identifier: ISC
#include "shared/memory/ticket_keys.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "shared/base/secrets.h"

namespace restante::memory {

// `version` is odd while the master writes. A master that dies then leaves it odd: tickets are off
// until the next start, and nothing waits.
struct TicketKeys::Ring {
  std::atomic<std::uint64_t> version;
  std::array<TicketKey, kKept> keys;  // newest first
};

void TicketKeys::Unmap::operator()(Ring* ring) const noexcept {
  munmap(static_cast<void*>(ring), sizeof(Ring));
}

Result<TicketKeys> TicketKeys::create() {
  // The mapping that is there before the seal stays writable.
  constexpr int kSeals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
  UniqueFd fd(memfd_create("ticket_keys", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ftruncate(fd.get(), sizeof(Ring)) != 0) {
    return fail(ErrorKind::kSystem, "memfd for ticket keys: {}", errno_text());
  }
  auto keys = map_as(fd.get(), PROT_READ | PROT_WRITE);
  if (!keys) return keys;
  if (fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) {
    return fail(ErrorKind::kSystem, "seals of the ticket keys: {}", errno_text());
  }
  keys->fd_ = std::move(fd);
  // Every place gets a key, so that no key is ever found by a name of zeros.
  for (std::size_t i = 0; i < kKept; ++i) keys->rotate();
  return keys;
}

Result<TicketKeys> TicketKeys::map(int fd) { return map_as(fd, PROT_READ); }

Result<TicketKeys> TicketKeys::map_as(int fd, int access) {
  void* memory = mmap(nullptr, sizeof(Ring), access, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return fail(ErrorKind::kSystem, "ticket keys: {}", errno_text());
  lock_memory(memory, sizeof(Ring));
  return TicketKeys(static_cast<Ring*>(memory));
}

void TicketKeys::rotate() {
  TicketKey fresh{};
  // Not interruptible and never short for so few bytes, once the system has booted.
  if (getrandom(&fresh, sizeof fresh, 0) != static_cast<ssize_t>(sizeof fresh)) std::abort();
  ring_->version.fetch_add(1);
  std::shift_right(ring_->keys.begin(), ring_->keys.end(), 1);
  ring_->keys.front() = fresh;
  ring_->version.fetch_add(1);
}

std::optional<std::array<TicketKey, TicketKeys::kKept>> TicketKeys::read() const {
  for (int tries = 0; tries < 100; ++tries) {
    const std::uint64_t before = ring_->version.load();
    const std::array<TicketKey, kKept> keys = ring_->keys;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (before % 2 == 0 && ring_->version.load() == before) return keys;
  }
  return {};
}

std::optional<TicketKey> TicketKeys::current() const {
  const auto keys = read();
  if (!keys) return {};
  return keys->front();
}

std::optional<TicketKey> TicketKeys::find(std::span<const unsigned char, 16> name) const {
  const auto keys = read();
  if (!keys) return {};
  for (const TicketKey& key : *keys) {
    if (std::ranges::equal(key.name, name)) return key;
  }
  return {};
}

}  // namespace restante::memory
