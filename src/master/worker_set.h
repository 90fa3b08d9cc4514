// SPDX-License-Identifier: ISC
// Makes what each generation of workers owns: its views of the configuration, its certificates and
// keys, and the sockets between its workers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "master/key_files.h"
#include "master/log_file.h"
#include "master/process_table.h"
#include "master/service.h"
#include "shared/base/error.h"
#include "shared/config/config.h"

namespace restante::master {

// The files that the settings name, opened by the master.
struct OpenFiles {
  std::vector<TlsFds> tls_pairs;
  std::shared_ptr<const LogFile> log;  // null: the log is not a file
};

// Makes the workers of generation `generation`. Call it as the user that the workers run as. The
// sockets of mimed are in the directory RUNTIME_DIR/GENERATION, so that no generation uses the
// parsers of another. The directory is removed with the last copy of WorkerSet::resources.
// `service` must outlive the workers. The error is kSystem, or kConfig if the path of a socket is
// too long.
[[nodiscard]] Result<WorkerSet> make_worker_set(const config::Config& config,
                                                std::uint64_t generation, OpenFiles files,
                                                const Service& service,
                                                const std::filesystem::path& programs);

}  // namespace restante::master
