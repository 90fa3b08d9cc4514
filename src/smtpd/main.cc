// SPDX-License-Identifier: ISC
// restante-smtpd: receives mail over SMTP on sockets that the master has opened.
#include <sysexits.h>

#include <cstdlib>

#include "shared/base/file.h"
#include "shared/base/rlimit.h"
#include "shared/worker/run_main.h"
#include "smtpd/worker.h"

namespace {

using namespace restante;

// Tells the master, which links no TLS library, when the first certificate expires, or why the
// files cannot be used.
int check(worker::Context context) {
  const auto tls = smtpd::TlsContext::make(context.tls_pairs);
  const std::string answer = tls ? worker::format_expiry(tls->first_expiry()) : tls.error().what;
  (void)write_all(context.ready.get(), answer);  // the master reads until the end
  return tls ? EXIT_SUCCESS : EX_CONFIG;
}

Result<void> run(worker::Context context) {
  raise_descriptor_limit();
  const auto worker = smtpd::Worker::make(std::move(context));
  if (!worker) return std::unexpected(worker.error());
  (*worker)->run();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return worker::run_main(
      argc, argv,
      {.name = "restante-smtpd", .exception = "start_failed", .run = run, .check = check});
}
