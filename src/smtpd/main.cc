// SPDX-License-Identifier: ISC
// restante-smtpd: takes mail in. Started by restante(8) with all that it needs handed over.
#include <sys/resource.h>
#include <sysexits.h>

#include <charconv>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "shared/log.h"
#include "shared/worker_context.h"
#include "smtpd/worker.h"

namespace restante::smtpd {
namespace {

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int report(const Error& error) {
  log::error("start_failed", {{"reason", error.what}});
  return error.kind == ErrorKind::kConfig ? EX_CONFIG : EXIT_FAILURE;
}

int main_program(std::string_view argument) {
  log::open("restante-smtpd", log::Level::kInfo);
  auto context = WorkerContext::unpack();
  if (!context) return report(context.error());
  log::set_level(context->config.log_level);
  if (argument == "--check") {  // for the master, who links no TLS: are the files fit for use?
    const auto tls = TlsContext::make(context->tls_pairs);
    if (tls) return EXIT_SUCCESS;
    (void)write_all(context->ready.get(), tls.error().what);  // it reads until the end
    return EX_CONFIG;
  }
  std::uint64_t number = 0;
  std::from_chars(argument.data(), argument.data() + argument.size(), number);
  raise_descriptor_limit();
  auto worker = Worker::make(std::move(*context), number);
  if (!worker) return report(worker.error());
  (*worker)->run();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace restante::smtpd

int main(int argc, char** argv) {
  try {
    return restante::smtpd::main_program(argc > 1 ? argv[1] : "");
  } catch (const std::exception& error) {
    restante::log::error("start_failed", {{"reason", error.what()}});
    return EXIT_FAILURE;
  }
}
