// SPDX-License-Identifier: ISC
// Lines of the log about clients, so many bytes a minute of each: a client cannot fill a disk, nor
// make the journal drop the lines of others.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "shared/config/config.h"
#include "shared/log/log.h"
#include "shared/memory/rate_table.h"
#include "shared/net/address_range.h"
#include "shared/net/client_address.h"

namespace restante::worker {

class ClientLog {
 public:
  // `minutes` is Segment::client_minutes(), by which all workers together count.
  ClientLog(memory::RateTable minutes, const config::Config& config);

  // As log::info(). When the client has used up client_log_limit a line `log_limited` says so, and
  // its further lines are left out until its minute has ended. A client of client_trusted has no
  // limit.
  void info(const net::ClientAddress& client, std::string_view event, log::Fields fields);

 private:
  memory::RateTable minutes_;
  std::vector<net::AddressRange> trusted_;
  std::uint32_t limit_;  // in units of kUnit bytes; 0: none
};

}  // namespace restante::worker
