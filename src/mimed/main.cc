// SPDX-License-Identifier: ISC
// restante-mimed: reads hostile mail in a process of its own, within limits of memory and CPU time.
#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <expected>
#include <utility>

#include "mimed/mime.h"
#include "mimed/server.h"
#include "shared/base/build_kind.h"
#include "shared/base/program.h"
#include "shared/log/log.h"
#include "shared/worker/context.h"
#include "shared/worker/run_main.h"
#include "shared/worker/sandbox.h"

namespace {

using namespace restante;

// What larger blocks are mapped for and given back at once, so that one large mail does not leave
// the process large.
constexpr int kMapThreshold = 1024 * 1024;

// SIGTERM and the terminal's signals mean nothing here: the life pipe ends a worker. SIGPROF is
// what the CPU timer kills with, whatever was inherited.
void set_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGPROF, SIG_DFL);
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&blocked, number);
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
}

void limit_memory(std::uint64_t bytes) {
  mallopt(M_MMAP_THRESHOLD, kMapThreshold);
  mallopt(M_TRIM_THRESHOLD, kMapThreshold);
  if (kHasSanitizer) return;
  const rlimit limit{bytes, bytes};
  if (setrlimit(RLIMIT_AS, &limit) != 0) {
    log::warning("no_memory_limit", {{"reason", errno_text()}});
  }
}

mimed::PrescanLimits limits_of(const config::Config& config) {
  mimed::PrescanLimits limits;
  limits.parts = config.mime_part_limit;
  limits.depth = config.mime_depth_limit;
  limits.header_bytes = config.mime_header_limit;
  return limits;
}

Result<void> run(worker::Context context) {
  const int listener = context.listener(worker::fd_name::kMime);
  if (listener < 0 || !context.life) {
    return fail(ErrorKind::kSystem, "no listening socket or no life pipe handed over");
  }
  set_signals();
  mimed::MimeParser parser(limits_of(context.config));
  if (!parser.warm_up()) {
    log::warning("charsets_missing", {{"reason", "iconv lacks a charset; such mail is guessed"}});
  }
  limit_memory(context.config.mime_memory_limit);
  if (auto entered = worker::enter_sandbox(Program::kMimed, context.config); !entered) {
    return std::unexpected(std::move(entered).error());
  }
  mimed::Server server(listener, context.life.get(), parser, context.config.mime_timeout);
  context.announce_ready();
  server.run();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return worker::run_main(argc, argv, {.name = "restante-mimed", .exception = "died", .run = run});
}
