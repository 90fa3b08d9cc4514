// SPDX-License-Identifier: ISC
// What one generation of workers has for itself: its view of the configuration, certificates and
// keys, and the sockets between its workers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "master/key_files.h"
#include "master/log_file.h"
#include "master/service.h"
#include "master/supervisor.h"
#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

// The files that the settings name, opened.
struct OpenFiles {
  std::vector<TlsFds> tls_pairs;
  std::shared_ptr<const LogFile> log;  // none: the log is no file
};

// Makes all that, as the user that the workers run as. The sockets of its mimed are in a directory
// of its own in runtime_dir, so that one generation never asks the parsers of another; it goes with
// the last copy of WorkerSet::resources. `service` has to outlive the workers.
[[nodiscard]] Result<WorkerSet> make_worker_set(const Config& config, std::uint64_t generation,
                                                OpenFiles files, const Service& service,
                                                const std::filesystem::path& programs);

}  // namespace restante::master
