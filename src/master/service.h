// SPDX-License-Identifier: ISC
// All that is made once and that every generation of workers lives on: listening sockets, shared
// memory, keys of session tickets.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "master/listeners.h"
#include "master/privileges.h"
#include "master/spawn.h"
#include "master/supervisor.h"
#include "shared/base/error.h"
#include "shared/config/config.h"
#include "shared/memory/segment.h"

namespace restante::master {

class Service {
 public:
  // Everything that may need root: ports, runtime directory, shared segment.
  [[nodiscard]] static Result<Service> make_as_root(const Config& config, const Identity& identity);
  // What the workers' user makes.
  [[nodiscard]] Result<void> make_as_user();

  // What runs beside the workers, whatever their generation: redis-server, if it is ours.
  [[nodiscard]] static std::vector<Role> auxiliary(const Config& config);

  // What every smtpd, or apid, inherits. Points into this object.
  [[nodiscard]] std::vector<Inherited> for_smtpd() const;
  [[nodiscard]] std::vector<Inherited> for_apid() const;

  // A fresh key for session tickets; the old ones stay good for two more rotations.
  void rotate_ticket_keys();

  // Removes the Unix sockets that were made for http_api_listen.
  void remove_sockets(const Config& config) const;

  // Of the segment, which lives as long as this object.
  [[nodiscard]] Scoreboard scoreboard() const { return segment_map_->scoreboard(); }

  // The port of the first listener of that name; 0 if there is none.
  [[nodiscard]] std::uint16_t port_of(std::string_view listener) const;

 private:
  Service() = default;

  Listeners listeners_;
  UniqueFd segment_;
  std::optional<Segment> segment_map_;
  UniqueFd ticket_keys_;
};

// With `redis = private`: whether there is a program to start.
[[nodiscard]] Result<void> check_private_redis(const Config& config);

}  // namespace restante::master
