// SPDX-License-Identifier: ISC
// What is made once and shared by all generations of workers: listening sockets, shared memory and
// the keys of TLS session tickets.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "master/listeners.h"
#include "master/privileges.h"
#include "master/spawn.h"
#include "shared/base/error.h"
#include "shared/base/unique_fd.h"
#include "shared/config/config.h"
#include "shared/memory/segment.h"
#include "shared/memory/ticket_keys.h"

namespace restante::master {

class Service {
 public:
  // Makes what may need root: ports, the runtime directory, the directory of a private Redis and
  // the shared segment. The error names the setting that is at fault.
  [[nodiscard]] static Result<Service> make_as_root(const config::Config& config,
                                                    const Identity& identity);
  // Makes the ticket keys. Call it as the user that the workers run as.
  [[nodiscard]] Result<void> make_as_user();

  // Returns the descriptors that each smtpd, or each apid, inherits. This object owns them.
  [[nodiscard]] std::vector<Inherited> for_smtpd() const;
  [[nodiscard]] std::vector<Inherited> for_apid() const;

  // Makes a fresh key for session tickets. Tickets of an old key are good for two more rotations.
  void rotate_ticket_keys();

  // Removes the Unix sockets that were made for http_api_listen.
  void remove_sockets(const config::Config& config) const;

  // The scoreboard of the shared segment. Do not use it after this object is gone.
  [[nodiscard]] memory::Scoreboard scoreboard() const { return segment_map_->scoreboard(); }

  // Returns the port of the first listener of that name, or 0 if there is no such listener.
  [[nodiscard]] std::uint16_t port_of(std::string_view listener) const;

 private:
  Service() = default;

  Listeners listeners_;
  UniqueFd segment_, segment_head_;
  std::optional<memory::Segment> segment_map_;
  std::optional<memory::TicketKeys> ticket_keys_;  // since make_as_user()
};

}  // namespace restante::master
