// SPDX-License-Identifier: ISC
// restante-smtpd: takes mail in. Started by restante(8) with all that it needs handed over.
#include <sysexits.h>

#include <cstdlib>
#include <exception>
#include <span>
#include <string_view>

#include "shared/base/file.h"
#include "shared/base/rlimit.h"
#include "shared/log/log.h"
#include "shared/worker/context.h"
#include "smtpd/worker.h"

namespace restante::smtpd {
namespace {

int report(const Error& error) {
  log::error("start_failed", {{"reason", error.what}});
  return error.kind == ErrorKind::kConfig ? EX_CONFIG : EXIT_FAILURE;
}

int main_program(std::span<const char* const> arguments) {
  log::open("restante-smtpd", log::Level::kInfo);
  auto context = WorkerContext::unpack();
  if (!context) return report(context.error());
  context->use_log();
  if (arguments.size() > 1 &&
      arguments[1] ==
          std::string_view(
              "--check")) {  // for the master, who links no TLS: are the files fit for use?
    const auto tls = TlsContext::make(context->tls_pairs);
    const std::string answer = tls ? format_expiry(tls->first_expiry()) : tls.error().what;
    (void)write_all(context->ready.get(), answer);  // it reads until the end
    return tls ? EXIT_SUCCESS : EX_CONFIG;
  }
  context->read_arguments(arguments);
  raise_descriptor_limit();
  auto worker = Worker::make(std::move(*context));
  if (!worker) return report(worker.error());
  (*worker)->run();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace restante::smtpd

int main(int argc, char** argv) {
  try {
    return restante::smtpd::main_program(std::span(argv, static_cast<std::size_t>(argc)));
  } catch (const std::exception& error) {
    restante::log::error("start_failed", {{"reason", error.what()}});
    return EXIT_FAILURE;
  }
}
