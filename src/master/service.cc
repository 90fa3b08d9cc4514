// SPDX-License-Identifier: ISC
// All that the workers live on: sockets, keys, shared memory, and the table of who gets what.
#include "master/service.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <utility>

#include "master/listeners.h"
#include "shared/segment.h"
#include "shared/ticket_keys.h"

namespace restante::master {
namespace {

Result<std::string> read_file(std::string_view setting, const std::string& path,
                              std::string_view advice) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const int error_number = errno;
    return fail(ErrorKind::kConfig, "{}: cannot read {}: {}; {}", setting, path,
                errno_text(error_number), advice);
  }
  auto content = read_all(fd.get());
  if (!content) {
    return fail(ErrorKind::kConfig, "{}: {}: {}", setting, path, content.error().what);
  }
  return content;
}

Result<UniqueFd> load_pem(std::string_view setting, const std::string& path,
                          std::string_view memfd) {
  auto pem = read_file(setting, path,
                       "put the files that certbot made there, or name others; restante --demo "
                       "runs without");
  if (!pem) return std::unexpected(pem.error());
  if (pem->find("-----BEGIN ") == std::string::npos) {
    return fail(ErrorKind::kConfig, "{}: {} is no PEM file", setting, path);
  }
  return make_sealed_memfd(memfd, *pem);
}

// What the settings name, in their order. There are as many keys as certificates.
Result<std::vector<TlsFds>> load_tls_pairs(const Config& config) {
  std::vector<TlsFds> pairs;
  for (std::size_t i = 0; i < config.tls_certificate.size(); ++i) {
    auto certificate =
        load_pem("tls_certificate", config.tls_certificate[i], fd_name::kTlsCertificate);
    if (!certificate) return std::unexpected(certificate.error());
    auto key = load_pem("tls_key", config.tls_key[i], fd_name::kTlsKey);
    if (!key) return std::unexpected(key.error());
    pairs.push_back({.certificate = std::move(*certificate), .key = std::move(*key)});
  }
  return pairs;
}

void hand_over(const TlsFds& pair, std::vector<Inherited>& heritage) {
  heritage.push_back({fd_name::kTlsCertificate, pair.certificate.get()});
  heritage.push_back({fd_name::kTlsKey, pair.key.get()});
}

// Runs one step of a sequence of fallible ones that fill in members.
template <class T>
Result<void> into(T& member, Result<T> made) {
  if (!made) return std::unexpected(made.error());
  member = std::move(*made);
  return {};
}

bool is_smtp(std::string_view listener) {
  return listener == fd_name::kSmtp || listener == fd_name::kSmtpProxy;
}

}  // namespace

Result<void> read_key_file(Config& config) {
  if (config.api_key_file.empty()) return {};
  const auto text = read_file("api_key_file", config.api_key_file, "create it, one key a line");
  if (!text) return std::unexpected(text.error());
  std::string keys;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    if (!line.starts_with('#')) keys.append(line).append(" ");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  // The table of settings knows what a key may look like.
  ConfigReader reader;
  if (auto read = reader.set("api_key=" + keys, config.api_key_file); !read) return read;
  for (const std::string& key : reader.config().api_key) config.api_key.push_back(key);
  if (config.api_key.empty()) {
    return fail(ErrorKind::kConfig, "api_key_file: {} holds no key; write one a line",
                config.api_key_file);
  }
  return {};
}

Result<Service> Service::make_as_root(const Config& config, const Identity& identity) {
  Service service;
  const std::string segment = config.runtime_dir + "/segment";
  if (auto done = into(service.listeners_, bind_listeners(config, identity)); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = into(service.tls_pairs_, load_tls_pairs(config)); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = make_private_directory(config.runtime_dir, identity); !done) {
    return fail(done.error().kind, "runtime_dir: {}", done.error().what);
  }
  if (config.redis == "private") {
    if (auto done = make_private_directory(config.redis_directory, identity); !done) {
      return fail(done.error().kind, "redis_directory: {}", done.error().what);
    }
  }
  if (auto done = into(service.segment_, Segment::create(segment, identity.uid, identity.gid));
      !done) {
    return std::unexpected(done.error());
  }
  return service;
}

Result<void> Service::make_as_user(const Config& config) {
  for (std::uint64_t i = 0; i < config.mimed_workers; ++i) {
    auto listener = listen_unix(mime_socket_path(config.runtime_dir, i));
    if (!listener) return std::unexpected(listener.error());
    mime_listeners_.push_back(std::move(*listener));
  }
  Config shown = config;
  if (config.redis == "private") shown.redis = "unix:" + config.runtime_dir + "/redis.sock";
  if (auto done = into(ticket_keys_, TicketKeys::create()); !done) return done;
  const std::pair<UniqueFd*, Audience> views[] = {{&smtpd_config_, Audience::kSmtpd},
                                                  {&apid_config_, Audience::kApid},
                                                  {&mimed_config_, Audience::kMimed}};
  for (const auto& [fd, audience] : views) {
    auto done = into(*fd, make_sealed_memfd(fd_name::kConfig, format_config(shown, audience)));
    if (!done) return done;
  }
  return {};
}

std::vector<Inherited> Service::for_smtpd() const {
  std::vector<Inherited> result = {{fd_name::kConfig, smtpd_config_.get()},
                                   {fd_name::kTicketKeys, ticket_keys_.get()},
                                   {fd_name::kSegment, segment_.get()}};
  for (const TlsFds& pair : tls_pairs_) hand_over(pair, result);
  for (const NamedFd& listener : listeners_) {
    if (is_smtp(listener.name)) result.push_back({listener.name, listener.fd.get()});
  }
  return result;
}

std::vector<Inherited> Service::for_apid() const {
  std::vector<Inherited> result = {{fd_name::kConfig, apid_config_.get()},
                                   {fd_name::kSegment, segment_.get()}};
  hand_over(tls_pairs_.front(), result);
  for (const NamedFd& listener : listeners_) {
    if (!is_smtp(listener.name)) result.push_back({listener.name, listener.fd.get()});
  }
  return result;
}

std::vector<Role> Service::roles(const Config& config,
                                 const std::filesystem::path& programs) const {
  std::vector<Inherited> mime_of_each;
  for (const UniqueFd& listener : mime_listeners_) {
    mime_of_each.push_back({fd_name::kMime, listener.get()});
  }
  const auto program = [&](std::string_view name) {
    return std::vector<std::string>{programs / fmt::format("restante-{}", name)};
  };
  std::vector<Role> roles = {
      {.name = "mimed",
       .command = program("mimed"),
       .count = config.mimed_workers,
       .inherits = {{fd_name::kConfig, mimed_config_.get()}},
       .one_for_each = mime_of_each},
      {.name = "smtpd",
       .command = program("smtpd"),
       .count = config.smtpd_workers,
       .inherits = for_smtpd(),
       .one_for_each = {}},
      {.name = "apid",
       .command = program("apid"),
       .count = config.apid_workers,
       .inherits = for_apid(),
       .one_for_each = {}},
  };
  if (config.redis == "private") {
    // A 250 is worth what Redis' persistence is worth: every write is on disk before its reply.
    roles.insert(roles.begin(), {.name = "redis-server",
                                 .command = {"redis-server",
                                             "--port",
                                             "0",
                                             "--unixsocket",
                                             config.runtime_dir + "/redis.sock",
                                             "--unixsocketperm",
                                             "700",
                                             "--dir",
                                             config.redis_directory,
                                             "--appendonly",
                                             "yes",
                                             "--appendfsync",
                                             "always",
                                             "--save",
                                             "",
                                             "--maxmemory-policy",
                                             "noeviction",
                                             "--daemonize",
                                             "no",
                                             "--loglevel",
                                             "warning",
                                             "--logfile",
                                             config.redis_directory + "/redis-server.log"},
                                 .is_worker = false,
                                 .inherits = {},
                                 .one_for_each = {}});
  }
  return roles;
}

void Service::rotate_ticket_keys() {
  auto keys = TicketKeys::map(ticket_keys_.get(), /*writable=*/true);
  if (keys) keys->rotate();
}

std::uint16_t Service::port_of(std::string_view listener) const {
  for (const NamedFd& candidate : listeners_) {
    if (candidate.name == listener) return bound_port(candidate.fd.get());
  }
  return 0;
}

Result<bool> tls_is_usable(const Config& config, const std::filesystem::path& programs) {
  const auto pairs = load_tls_pairs(config);
  if (!pairs) return std::unexpected(pairs.error());
  auto view = make_sealed_memfd(fd_name::kConfig, format_config(config, Audience::kSmtpd));
  if (!view) return std::unexpected(view.error());
  std::vector<Inherited> inherited = {{fd_name::kConfig, view->get()}};
  for (const TlsFds& pair : *pairs) hand_over(pair, inherited);
  const auto pid = spawn({programs / "restante-smtpd", "--check"}, inherited);
  if (!pid) return std::unexpected(pid.error());
  int wait_status = 0;
  waitpid(*pid, &wait_status, 0);
  return wait_status == 0;
}

}  // namespace restante::master
