// SPDX-License-Identifier: ISC
#include "shared/worker/context.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "shared/base/file.h"
#include "shared/base/number.h"
#include "shared/base/secrets.h"

namespace restante::worker {
namespace {

struct FreeStrings {
  void operator()(char** strings) const noexcept {
    for (char** s = strings; *s != nullptr; ++s) std::free(*s);
    std::free(strings);
  }
};

// The certificates and the keys come each in their order: the first belong together, and so on.
Result<std::vector<TlsPair>> read_tls_pairs(std::span<const NamedFd> fds) {
  std::vector<TlsPair> pairs;
  std::size_t keys = 0;
  for (const NamedFd& named : fds) {
    const bool is_key = named.name == fd_name::kTlsKey;
    if (!is_key && named.name != fd_name::kTlsCertificate) continue;
    auto pem = read_all(named.fd.get());
    if (!pem) return std::unexpected(pem.error());
    if (!is_key) {
      pairs.push_back({.certificate = std::move(*pem), .key = {}});
    } else if (keys < pairs.size()) {
      pairs[keys++].key = std::move(*pem);
    } else {
      return fail(ErrorKind::kSystem, "a TLS key without its certificate was handed over");
    }
  }
  if (keys == pairs.size()) return pairs;
  return fail(ErrorKind::kSystem, "a TLS certificate without its key was handed over");
}

UniqueFd extract(std::vector<NamedFd>& fds, std::string_view name) {
  for (NamedFd& named : fds) {
    if (named.name == name) return std::move(named.fd);
  }
  return {};
}

bool is_listener(std::string_view name) {
  return name == fd_name::kSmtp || name == fd_name::kSmtpProxy || name == fd_name::kHttp ||
         name == fd_name::kHttps || name == fd_name::kHttpApi || name == fd_name::kMime;
}

}  // namespace

std::string parser_socket(std::string_view runtime_dir, std::uint64_t index) {
  return fmt::format("{}/mimed.{}.sock", runtime_dir, index);
}

std::string format_expiry(const FirstExpiry& expiry) {
  return fmt::format("{} {}", expiry.index, expiry.time);
}

std::optional<FirstExpiry> parse_expiry(std::string_view text) {
  const std::size_t blank = text.find(' ');
  if (blank == text.npos) return {};
  const auto index = parse_number<std::size_t>(text.substr(0, blank));
  const auto time = parse_number<std::uint64_t>(text.substr(blank + 1));
  if (!index || !time) return {};
  return FirstExpiry{*index, *time};
}

Result<Context> Context::unpack() {
  char** raw_names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &raw_names);
  const std::unique_ptr<char*, FreeStrings> names(raw_names);
  if (count <= 0) {
    return fail(ErrorKind::kSystem,
                "nothing was handed over: this program is started by restante(8), not by hand");
  }
  std::vector<NamedFd> fds;
  for (int i = 0; i < count; ++i) {
    fds.push_back({names.get()[i], UniqueFd(SD_LISTEN_FDS_START + i)});
  }

  Context context;
  const UniqueFd config_fd = extract(fds, fd_name::kConfig);
  if (!config_fd) return fail(ErrorKind::kSystem, "no configuration was handed over");
  auto text = read_all(config_fd.get());
  if (!text) return std::unexpected(text.error());
  const WipedAtEnd has_keys(*text);
  config::Loader reader;
  if (auto read = reader.read_file(*text, "configuration"); !read) {
    return std::unexpected(read.error());
  }
  context.config = reader.extract();

  auto pairs = read_tls_pairs(fds);
  if (!pairs) return std::unexpected(pairs.error());
  context.tls_pairs = std::move(*pairs);
  context.segment = extract(fds, fd_name::kSegment);
  context.segment_head = extract(fds, fd_name::kSegmentHead);
  context.ticket_keys = extract(fds, fd_name::kTicketKeys);
  context.log_file = extract(fds, fd_name::kLog);
  context.life = extract(fds, fd_name::kLife);
  context.ready = extract(fds, fd_name::kReady);
  for (NamedFd& named : fds) {
    if (is_listener(named.name)) context.listeners.push_back(std::move(named));
  }
  return context;
}

void Context::read_arguments(std::span<const char* const> arguments) {
  if (arguments.size() > 1) number = parse_number<std::uint64_t>(arguments[1]).value_or(0);
  if (arguments.size() > 2) board_slot = parse_number<std::size_t>(arguments[2]);
}

void Context::use_log() {
  log::set_level(config.log_level);
  if (log_file) log::to_file(std::move(log_file));
  if (config.log_to == "syslog") log::to_syslog();
}

void Context::announce_ready() {
  const pid_t pid = getpid();
  // The pipe is the master's and holds many pids; should it be full or gone, nobody is waiting.
  [[maybe_unused]] const ssize_t written = write(ready.get(), &pid, sizeof pid);
  ready.reset();
}

std::vector<std::string> Context::parser_sockets() const {
  std::vector<std::string> paths;
  for (std::uint64_t i = 0; i < config.mimed_workers; ++i) {
    paths.push_back(parser_socket(config.runtime_dir, i));
  }
  return paths;
}

int Context::listener(std::string_view name) const {
  for (const NamedFd& named : listeners) {
    if (named.name == name) return named.fd.get();
  }
  return -1;
}

}  // namespace restante::worker
