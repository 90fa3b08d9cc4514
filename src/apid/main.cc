// SPDX-License-Identifier: ISC
// restante-apid: serves the HTTP API on sockets that the master has opened.
#include "apid/worker.h"
#include "shared/worker/run_main.h"

int main(int argc, char** argv) {
  return restante::worker::run_main(
      argc, argv,
      {.name = "restante-apid", .exception = "fatal", .run = restante::apid::run_worker});
}
