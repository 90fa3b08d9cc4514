// SPDX-License-Identifier: ISC
// restantectl: looks at a restante that runs, at its mail and at what it needs.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "ctl/commands.h"
#include "shared/log/log.h"

namespace restante::ctl {
namespace {

struct Command {
  std::string_view name;
  std::size_t words;
  Result<int> (*run)(const Options&, const config::Config&);
  bool needs_master;  // that it does not run is the answer, then
};

constexpr Command kCommands[] = {
    {"status", 0, run_status, true}, {"top", 0, run_top, true},
    {"check", 0, run_check, false},  {"mailboxes", 0, run_mailboxes, false},
    {"inbox", 1, run_inbox, false},  {"show", 2, run_show, false},
    {"rm", 2, run_rm, false},        {"clear", 1, run_clear, false},
    {"reload", 0, run_reload, true}, {"stop", 0, run_stop, true},
    {"key", 0, run_key, false},      {"dns", 0, run_dns, false},
};

int say(int status, std::string_view what) {
  fmt::print(stderr, "restantectl: {}\n", what);
  return status;
}

int main_program(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (!options) return say(kUsage, options.error().what + "; restantectl -h shows the usage");
  if (options->command == "help" || options->command == "version") {
    fmt::print("{}", options->command == "help" ? usage() : "restantectl " RESTANTE_VERSION "\n");
    return kFine;
  }
  const auto* const command = std::ranges::find(kCommands, options->command, &Command::name);
  if (options->command.empty()) return say(kUsage, "which command? restantectl -h shows them");
  if (command == std::end(kCommands)) {
    return say(kUsage,
               fmt::format("'{}' is no command; restantectl -h shows them", options->command));
  }
  if (options->words.size() != command->words) {
    return say(kUsage, fmt::format("{} takes {} words, not {}; restantectl -h shows the usage",
                                   command->name, command->words, options->words.size()));
  }
  signal(SIGPIPE, SIG_IGN);
  log::open("restantectl", log::Level::kError);
  const auto config = read_config(*options);
  if (!config) return say(kProblem, config.error().what);
  const auto status = command->run(*options, *config);
  if (status) return *status;
  const bool not_running = command->needs_master && status.error().kind == ErrorKind::kUnavailable;
  return say(not_running ? kNotRunning : kProblem, status.error().what);
}

}  // namespace
}  // namespace restante::ctl

int main(int argc, char** argv) {
  try {
    return restante::ctl::main_program(argc, argv);
  } catch (const std::exception& error) {
    return restante::ctl::say(restante::ctl::kProblem, error.what());
  }
}
