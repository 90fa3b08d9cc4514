// SPDX-License-Identifier: ISC
#include "ctl/options.h"

#include <getopt.h>
#include <unistd.h>

#include "shared/base/number.h"

namespace restante::ctl {
namespace {

Result<SortBy> sort_named(std::string_view name) {
  if (name == "bytes") return SortBy::kBytes;
  if (name == "count") return SortBy::kCount;
  if (name == "newest") return SortBy::kNewest;
  return fail(ErrorKind::kConfig, "--sort takes bytes, count or newest, not '{}'", name);
}

Result<void> apply_option(Options& options, int found) {
  switch (found) {
    case 'c':
      options.file = optarg;
      break;
    case 'r':
      options.runtime_dir = optarg;
      break;
    case 'o':
      options.settings.emplace_back(optarg);
      break;
    case 'j':
      options.json = true;
      break;
    case 'V':
      options.command = "version";
      break;
    case 'h':
      options.command = "help";
      break;
    case 's': {
      const auto named = sort_named(optarg);
      if (!named) return std::unexpected(named.error());
      options.sort_by = *named;
      break;
    }
    case 'n': {
      const std::string_view text = optarg;
      options.count = parse_number<std::size_t>(text).value_or(0);
      if (options.count > 0) break;
      return fail(ErrorKind::kConfig, "-n takes a number from 1 on, not '{}'", text);
    }
    case ':':
      return fail(ErrorKind::kConfig, "option -{} needs a value", static_cast<char>(optopt));
    default:
      return fail(ErrorKind::kConfig, "there is no such option");
  }
  return {};
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
  Options options;
  const option longs[] = {
      {"json", no_argument, nullptr, 'j'},       {"limit", required_argument, nullptr, 'n'},
      {"sort", required_argument, nullptr, 's'}, {"help", no_argument, nullptr, 'h'},
      {"version", no_argument, nullptr, 'V'},    {nullptr, 0, nullptr, 0}};
  opterr = 0;
  for (int found = 0; (found = getopt_long(argc, argv, ":c:r:o:n:Vh", longs, nullptr)) != -1;) {
    if (auto taken = apply_option(options, found); !taken) return std::unexpected(taken.error());
  }
  for (int i = optind; i < argc; ++i) {
    if (options.command.empty()) {
      options.command = argv[i];
    } else {
      options.words.emplace_back(argv[i]);
    }
  }
  return options;
}

std::string usage() {
  return R"(usage: restantectl [-c file | -r dir] [-o name=value]... command

  status [--json]           what runs, and whether it is well
  top [-n count]            the same every second; q ends it
  check [--json]            configuration, certificate, Redis and DNS, and what could lose mail
  mailboxes [--sort bytes|count|newest] [-n count] [--json]   the mailboxes that take most
  inbox [-n count] [--json] user    the mail of a mailbox
  show [--json] user id|latest      one mail
  rm user id                remove one mail
  clear user                remove all mail of a mailbox
  reload                    have the configuration read again
  stop                      end restante, and wait for it
  key                       make an API key, and the hash to write into the configuration
  dns                       the records that the domains need

  -c file         read this configuration file
  -r dir          the runtime directory of the restante that is meant
  -o name=value   set one setting, above file and environment
  -h, -V          print this, or the version

Exit status: 0 all is well, 1 a problem, 2 wrong usage, 3 restante does not run.
restantectl(8) tells more.
)";
}

Result<config::Config> read_config(const Options& options) {
  config::Loader reader;
  if (options.file || !options.runtime_dir) {
    if (auto read = reader.load_file(options.file); !read) return std::unexpected(read.error());
  }
  if (auto read = reader.read_own_environment(); !read) return std::unexpected(read.error());
  if (options.runtime_dir) {
    const std::string socket = *options.runtime_dir + "/redis.sock";
    const bool is_private = access(socket.c_str(), F_OK) == 0;
    for (const std::string& setting : {"runtime_dir=" + *options.runtime_dir,
                                       is_private ? "redis=unix:" + socket : std::string()}) {
      if (setting.empty()) continue;
      if (auto set = reader.set(setting, "-r"); !set) return std::unexpected(set.error());
    }
  }
  for (const std::string& setting : options.settings) {
    if (auto set = reader.set(setting, "-o"); !set) return std::unexpected(set.error());
  }
  config::Config config = reader.config();
  if (config.redis == "private") config.redis = "unix:" + config.runtime_dir + "/redis.sock";
  if (auto whole = reader.finish()) {  // what depends on the machine
    config.hostname = whole->hostname;
    config.domain = whole->domain;
  }
  return config;
}

}  // namespace restante::ctl
