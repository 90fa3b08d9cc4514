// SPDX-License-Identifier: ISC
// The keys of TLS session tickets (RFC 5077), which all smtpd workers share, so that a client
// resumes with any of them. The master makes and rotates them in a memfd that smtpd alone inherits.
// They are in no file, and not in the shared segment. A seal of the memfd (F_SEAL_FUTURE_WRITE, see
// fcntl(2)) lets nobody but the master write to it, so a worker that was taken over cannot replace
// the keys of the others.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "shared/base/error.h"
#include "shared/base/unique_fd.h"

namespace restante::memory {

struct TicketKey {
  std::array<unsigned char, 16> name;  // goes with the ticket in clear
  std::array<unsigned char, 32> encryption;
  std::array<unsigned char, 32> authentication;
};

class TicketKeys {
 public:
  // Makes fresh keys in a memfd of its own, and maps it for writing.
  [[nodiscard]] static Result<TicketKeys> create();
  // Maps the memfd of another process's keys for reading. `fd` may be closed afterwards.
  [[nodiscard]] static Result<TicketKeys> map(int fd);

  // A fresh key becomes the current one, and the oldest is removed. Only for keys of create().
  void rotate();

  // The memfd of keys of create(), for map(). This object owns it.
  [[nodiscard]] int fd() const { return fd_.get(); }

  // The key for new tickets; nothing in the moment of a rotation.
  [[nodiscard]] std::optional<TicketKey> current() const;
  // The key of that name, if it is one of the last three.
  [[nodiscard]] std::optional<TicketKey> find(std::span<const unsigned char, 16> name) const;

 private:
  static constexpr std::size_t kKept = 3;
  struct Ring;
  struct Unmap {
    void operator()(Ring* ring) const noexcept;
  };
  [[nodiscard]] static Result<TicketKeys> map_as(int fd, int access);
  explicit TicketKeys(Ring* ring) : ring_(ring) {}
  [[nodiscard]] std::optional<std::array<TicketKey, kKept>> read() const;
  std::unique_ptr<Ring, Unmap> ring_;
  UniqueFd fd_;  // of keys of create()
};

}  // namespace restante::memory
