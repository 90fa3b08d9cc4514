// SPDX-License-Identifier: ISC
#include "shared/worker/run_main.h"

#include <sysexits.h>

#include <cstdlib>
#include <exception>

#include "shared/log/log.h"

namespace restante::worker {
namespace {

int fatal(const Error& error) {
  log::error("start_failed", {{"reason", error.what}});
  return error.kind == ErrorKind::kConfig ? EX_CONFIG : EXIT_FAILURE;
}

int start(std::span<const char* const> arguments, const WorkerProgram& program) {
  Result<Context> context = Context::unpack();
  if (!context) return fatal(context.error());
  context->use_log();
  const bool is_check = arguments.size() > 1 && arguments[1] == std::string_view("--check");
  if (is_check && program.check != nullptr) return program.check(*std::move(context));
  context->read_arguments(arguments);
  const Result<void> done = program.run(*std::move(context));
  return done ? EXIT_SUCCESS : fatal(done.error());
}

}  // namespace

int run_main(int argc, char** argv, const WorkerProgram& program) {
  try {
    log::open(program.name, log::Level::kInfo);
    return start(std::span(argv, static_cast<std::size_t>(argc)), program);
  } catch (const std::exception& error) {
    log::error(program.exception, {{"reason", error.what()}});
    return EXIT_FAILURE;
  }
}

}  // namespace restante::worker
