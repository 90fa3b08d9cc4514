// SPDX-License-Identifier: ISC
#include "master/options.h"

#include <getopt.h>

namespace restante::master {

std::string usage() {
  return R"(usage: restante [-c file] [-o name=value]... [--demo]
       restante -t | -T [-c file] [-o name=value]...
       restante -V | -h

  -c file         read this configuration file
  -o name=value   set one setting, above file and environment
  --demo          run on high ports of this machine with all that is needed made on the spot
  -t              check the configuration and the certificate, then exit
  -T              print every setting with its value, then exit
  -V              print the version
  -h              print this

restante(8) tells more; restante.conf(5) has the settings.
)";
}

Result<Options> parse_options(int argc, char** argv) {
  Options options;
  const option longs[] = {{"demo", no_argument, nullptr, 'd'},
                          {"help", no_argument, nullptr, 'h'},
                          {"version", no_argument, nullptr, 'V'},
                          {nullptr, 0, nullptr, 0}};
  opterr = 0;
  for (int found = 0; (found = getopt_long(argc, argv, ":c:o:tTVh", longs, nullptr)) != -1;) {
    switch (found) {
      case 'c':
        options.file = optarg;
        break;
      case 'o':
        options.settings.emplace_back(optarg);
        break;
      case 'd':
        options.demo = true;
        break;
      case 't':
        options.mode = Mode::kCheck;
        break;
      case 'T':
        options.mode = Mode::kPrint;
        break;
      case 'V':
        options.mode = Mode::kVersion;
        break;
      case 'h':
        options.mode = Mode::kHelp;
        break;
      case ':':
        return fail(ErrorKind::kConfig, "option -{} needs a value; restante -h shows the usage",
                    static_cast<char>(optopt));
      default:
        return fail(ErrorKind::kConfig, "'{}' is no option of restante; restante -h shows them",
                    argv[optind - 1]);
    }
  }
  if (optind < argc) {
    return fail(ErrorKind::kConfig, "'{}' is one word too many; restante -h shows the usage",
                argv[optind]);
  }
  return options;
}

}  // namespace restante::master
