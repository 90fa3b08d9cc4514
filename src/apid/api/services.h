// SPDX-License-Identifier: ISC
// What the handlers of the routes work with.
#pragma once

#include <functional>
#include <string>

#include "apid/api/download_room.h"
#include "apid/api/settlements.h"
#include "apid/api/waits.h"
#include "shared/config/config.h"
#include "shared/memory/scoreboard.h"
#include "shared/parser/client.h"
#include "shared/store/claims.h"
#include "shared/store/reader.h"
#include "shared/store/watch.h"

struct event_base;

namespace restante::apid {

// What the API needs of the rest of the worker.
struct Backend {
  event_base* base;
  store::Reader& reader;
  store::Claims& claims;
  store::Watch& watch;
  parser::Extractor& extractor;
  memory::Counters counters = {};
  std::function<std::string()> metrics = [] { return std::string(); };  // the text of GET /metrics
};

// `config` and all that `backend` refers to outlive the object. Handlers keep references to it; a
// callback that reports an error may run after the object's end, and must not use it.
struct Services : Backend {
  Services(const config::Config& configuration, Backend backend)
      : Backend(std::move(backend)),
        config(configuration),
        downloads(config.download_memory_limit),
        settlements(base, claims, counters),
        waits(base, watch, wait_limits(config), counters) {}

  const config::Config& config;
  DownloadRoom downloads;
  Settlements settlements;
  Waits waits;
};

}  // namespace restante::apid
