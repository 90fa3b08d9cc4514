// SPDX-License-Identifier: ISC
// The keys of TLS session tickets (RFC 5077), which all smtpd workers share, so that a client
// resumes with any of them. The master makes and rotates them in a memfd that smtpd alone inherits;
// they are in no file, and not in the shared segment.
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
  // A memfd with one fresh key.
  [[nodiscard]] static Result<UniqueFd> create();
  // Maps what create() made: the master to write, a worker to read.
  [[nodiscard]] static Result<TicketKeys> map(int fd, bool writable);

  // A fresh key becomes the current one; the oldest goes. Only where mapped writable.
  void rotate();

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
  explicit TicketKeys(Ring* ring) : ring_(ring) {}
  [[nodiscard]] std::optional<std::array<TicketKey, kKept>> read() const;
  std::unique_ptr<Ring, Unmap> ring_;
};

}  // namespace restante::memory
