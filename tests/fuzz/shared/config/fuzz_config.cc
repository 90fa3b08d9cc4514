// SPDX-License-Identifier: ISC
// Any text as a configuration: what is taken is written back as it was read, to every audience, and
// what is refused is refused in one line that names its place and gives no secret away.
#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/program.h"
#include "shared/config/config.h"
#include "shared/config/redis_address.h"
#include "shared/net/address_range.h"

using namespace restante;

namespace {

void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "line %u does not hold\n", where.line());
  std::abort();
}

void check_error(const Error& error, std::string_view place) {
  require(error.kind == ErrorKind::kConfig && error.what.starts_with(place));
  for (const char c : error.what) require(c >= ' ' && c <= '~');
}

// As a worker reads what the master has written for it.
void check_written(const config::Config& config, Program audience) {
  const std::string text = config::format_config(config, audience);
  config::Loader reader;
  require(reader.read_file(text, "w").has_value());
  require(config::format_config(reader.config(), audience) == text);
}

void check_config(const config::Config& config) {
  require(!config.domain.empty() && config.smtpd_workers > 0 && !config.hostname.empty());
  for (const std::string& domain : config.domain) require(config.has_domain(domain));
  for (const Program one : {Program::kMaster, Program::kSmtpd, Program::kApid, Program::kMimed}) {
    check_written(config, one);
  }
  config::Loader shown;  // what restante -T prints is a configuration, if without secrets
  require(shown.read_file(config::describe_config(config), "T").has_value());
  for (const char* name : {"\napi_key = ", "\nredis = redis://x:y@"}) {
    require(!config::describe_config(config).contains(name) || config.api_key.empty());
  }
  require(net::parse_ranges(config.proxy_allow).size() == config.proxy_allow.size());
}

void check_whole(std::string_view text) {
  config::Loader reader;
  if (const auto done = reader.read_file(text, "f"); !done) return check_error(done.error(), "f:");
  const auto config = reader.finish();
  if (!config) return check_error(config.error(), "");
  check_config(*config);
}

// A host that is written numerically has no byte that inet_pton would not have seen.
void check_host(std::string_view host) {
  in6_addr binary{};
  const std::string text(host);
  require(host.empty() || inet_pton(AF_INET, text.c_str(), &binary) == 1 ||
          inet_pton(AF_INET6, text.c_str(), &binary) == 1);
}

void check_value(std::string_view value) {
  if (const auto listen = config::parse_listen(value)) check_host(listen->host);
  if (const auto local = config::parse_local_listen(value)) {
    require(local->path.empty() != local->address.host.empty());
  }
  if (net::AddressRange::parse(value)) {
    check_host(value.substr(0, value.find('/')));
  }
  if (const auto redis = config::parse_redis_address(value)) {
    require(!redis->host.empty() + !redis->path.empty() + !redis->sentinels.empty() == 1);
    require(redis->sentinels.empty() == redis->master.empty());
    for (const auto& one : redis->sentinels) require(!one.host.empty() && one.port != 0);
  }
}

// One line as a value, as an option behind -o, and as a variable of the environment.
void check_line(std::string_view line) {
  const std::string value(line.substr(0, line.find('\0')));  // as the C library would take it
  check_value(value);
  check_value(std::string_view(value).substr(value.find('=') + 1));
  config::Loader reader;
  if (const auto done = reader.set(line, "-o"); !done) check_error(done.error(), "-o: ");
  const std::string variable = "RESTANTE_" + value;
  const std::vector<const char*> variables = {variable.c_str(), value.c_str()};
  if (const auto done = reader.read_environment(variables); !done) {
    require(done.error().what.starts_with("environment "));
  }
  const std::string written = config::format_config(reader.config(), Program::kMaster);
  const auto lines = static_cast<std::size_t>(std::ranges::count(written, '\n'));
  require(lines == config::all_settings().size() && !written.contains('\0'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check_line(text.substr(0, 200));  // with line ends, which the environment may have
  check_whole(text);
  check_whole("domain = example.com\napi_key = k\n" + std::string(text));
  for (int lines = 0; !text.empty() && lines < 20; ++lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    check_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}
