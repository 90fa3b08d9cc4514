// SPDX-License-Identifier: ISC
#include "shared/memory/ticket_keys.h"

#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>

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

Result<UniqueFd> TicketKeys::create() {
  UniqueFd fd(memfd_create("ticket_keys", MFD_CLOEXEC));
  if (!fd || ftruncate(fd.get(), sizeof(Ring)) != 0) {
    return fail(ErrorKind::kSystem, "memfd for ticket keys: {}", errno_text());
  }
  auto keys = map(fd.get(), /*writable=*/true);
  if (!keys) return std::unexpected(keys.error());
  // Every place gets a key, so that none is ever found by a name of zeros.
  for (std::size_t i = 0; i < kKept; ++i) keys->rotate();
  return fd;
}

Result<TicketKeys> TicketKeys::map(int fd, bool writable) {
  const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
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
