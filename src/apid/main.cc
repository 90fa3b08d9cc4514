// SPDX-License-Identifier: ISC
// Program restante-apid: serves the HTTPS API on sockets that the master has opened.
#include <sysexits.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <utility>

#include "apid/worker.h"
#include "shared/base/error.h"
#include "shared/log/log.h"
#include "shared/worker/context.h"

namespace {

using restante::Error;
using restante::ErrorKind;
using restante::Result;
using restante::WorkerContext;
namespace log = restante::log;

// The master gives up on a worker that exits with EX_CONFIG, and tries again after any other.
int fatal(const Error& error) {
  log::error("start_failed", {{"reason", error.what}});
  return error.kind == ErrorKind::kConfig ? EX_CONFIG : EXIT_FAILURE;
}

int run(std::span<const char* const> arguments) {
  log::open("restante-apid", log::Level::kInfo);
  Result<WorkerContext> context = WorkerContext::unpack();
  if (!context) return fatal(context.error());
  context->use_log();
  context->read_arguments(arguments);
  const Result<void> done = restante::apid::run_worker(*std::move(context));
  return done ? EXIT_SUCCESS : fatal(done.error());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::span(argv, static_cast<std::size_t>(argc)));
  } catch (const std::exception& error) {
    log::error("fatal", {{"reason", error.what()}});
    return EXIT_FAILURE;
  }
}
