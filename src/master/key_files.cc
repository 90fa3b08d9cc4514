// SPDX-License-Identifier: ISC
#include "master/key_files.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "master/spawn.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/program.h"
#include "shared/base/secrets.h"
#include "shared/log/log.h"
#include "shared/worker/context.h"

namespace restante::master {
namespace {

constexpr std::chrono::seconds kCheckLimit{10};

Result<std::string> read_file(std::string_view setting, const std::string& path,
                              std::string_view advice) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const int error_number = errno;
    const std::string rights = advice_to_let_read(path, error_number);
    return fail(ErrorKind::kConfig, "{}: cannot read {}: {}{}", setting, path,
                errno_text(error_number), rights.empty() ? fmt::format("; {}", advice) : rights);
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
  const WipedAtEnd is_secret(*pem);
  return make_sealed_memfd(memfd, *pem);
}

// Reads until end of file. Returns kSystem if that takes longer than `limit`.
Result<std::string> read_within(int fd, std::chrono::milliseconds limit) {
  const std::chrono::milliseconds end = monotonic_now() + limit;
  std::string text;
  for (;;) {
    const auto left = std::max<std::int64_t>(0, (end - monotonic_now()).count());
    pollfd one{fd, POLLIN, 0};
    if (poll(&one, 1, static_cast<int>(left)) == 0) {
      return fail(ErrorKind::kSystem, "no answer within {} s", limit.count() / 1000);
    }
    char buffer[1024];
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string user_name() {
  const passwd* user = getpwuid(geteuid());
  return user != nullptr ? user->pw_name : std::to_string(geteuid());
}

std::string group_name() {
  const group* own = getgrgid(getegid());
  return own != nullptr ? own->gr_name : std::to_string(getegid());
}

}  // namespace

std::string advice_to_let_read(const std::string& path, int error_number) {
  if (error_number != EACCES) return {};
  return fmt::format(
      "; restante runs as {}, who must be able to read it: chown root:{} {} and chmod 640, with "
      "every directory above open to that group, or have a deploy hook copy it to such a place; "
      "see "
      "RELOAD in restante(8)",
      user_name(), group_name(), path);
}

void warn_if_readable_by_all(const std::filesystem::path& file) {
  struct stat status{};
  if (stat(file.c_str(), &status) != 0 || (status.st_mode & S_IROTH) == 0) return;
  if (!is_open_to_all(std::filesystem::absolute(file).parent_path())) return;
  log::warning("secrets_readable_by_all",
               {{"file", file.string()}, {"advice", fmt::format("chmod o= {}", file.string())}});
}

Result<void> read_key_file(config::Config& config) {
  if (config.api_key_file.empty()) return {};
  auto text = read_file("api_key_file", config.api_key_file, "create it, one key a line");
  if (!text) return std::unexpected(text.error());
  warn_if_readable_by_all(config.api_key_file);
  std::string keys;
  const WipedAtEnd are_secret(keys), so_is_this(*text);
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    if (!line.starts_with('#')) keys.append(line).append(" ");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  // The table of settings knows what a key may look like.
  config::Loader reader;
  if (auto read = reader.set("api_key=" + keys, config.api_key_file); !read) return read;
  for (const std::string& key : reader.config().api_key) config.api_key.push_back(key);
  if (config.api_key.empty()) {
    return fail(ErrorKind::kConfig, "api_key_file: {} holds no key; write one a line",
                config.api_key_file);
  }
  return {};
}

Result<std::vector<TlsFds>> load_tls_pairs(const config::Config& config) {
  std::vector<TlsFds> pairs;
  for (std::size_t i = 0; i < config.tls_certificate.size(); ++i) {
    auto certificate =
        load_pem("tls_certificate", config.tls_certificate[i], worker::fd_name::kTlsCertificate);
    if (!certificate) return std::unexpected(certificate.error());
    auto key = load_pem("tls_key", config.tls_key[i], worker::fd_name::kTlsKey);
    if (!key) return std::unexpected(key.error());
    warn_if_readable_by_all(config.tls_key[i]);
    pairs.push_back({.certificate = std::move(*certificate), .key = std::move(*key)});
  }
  return pairs;
}

Result<CertificateExpiry> check_tls(const config::Config& config, const std::vector<TlsFds>& pairs,
                                    const std::filesystem::path& programs) {
  const std::string program = programs / "restante-smtpd";
  std::string text = config::format_config(config, Program::kSmtpd);
  const WipedAtEnd has_password(text);
  auto view = make_sealed_memfd(worker::fd_name::kConfig, text);
  if (!view) return std::unexpected(view.error());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorKind::kSystem, "pipe: {}", errno_text());
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  std::vector<Inherited> inherited = {{worker::fd_name::kConfig, view->get()},
                                      {worker::fd_name::kReady, writer.get()}};
  for (const TlsFds& pair : pairs) {
    inherited.push_back({worker::fd_name::kTlsCertificate, pair.certificate.get()});
    inherited.push_back({worker::fd_name::kTlsKey, pair.key.get()});
  }
  const auto pid = spawn({program, "--check"}, inherited);
  if (!pid) return std::unexpected(pid.error());
  writer.reset();
  const auto found = read_within(reader.get(), kCheckLimit);
  if (!found) kill(*pid, SIGKILL);
  int wait_status = 0;
  waitpid(*pid, &wait_status, 0);
  if (!found) return fail(ErrorKind::kSystem, "{} --check: {}", program, found.error().what);
  const auto first = worker::parse_expiry(*found);
  if (wait_status == 0 && first && first->index < config.tls_certificate.size()) {
    return CertificateExpiry{config.tls_certificate[first->index],
                             static_cast<std::int64_t>(first->time)};
  }
  if (!found->empty()) return fail(ErrorKind::kConfig, "{}", *found);
  return fail(ErrorKind::kSystem, "{} --check ended with {} {}", program,
              WIFSIGNALED(wait_status) ? "signal" : "status",
              WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
}

}  // namespace restante::master
