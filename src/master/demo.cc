// SPDX-License-Identifier: ISC
#include "master/demo.h"

#include <pwd.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "master/spawn.h"
#include "shared/base/file.h"
#include "shared/base/hex.h"

namespace restante::master {
namespace {

constexpr const char* kUnprivileged = "nobody";
constexpr const char* kKeyFile = "/privkey.pem";  // in the demo's directory
constexpr const char* kCertificateFile = "/fullchain.pem";

std::string random_key() {
  unsigned char bytes[24];
  if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) std::abort();
  return to_hex(bytes);
}

Result<void> run_openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const auto pid = spawn(arguments, {});
  if (!pid) return fail(ErrorKind::kSystem, "{}; apt install openssl", pid.error().what);
  int wait_status = 0;
  waitpid(*pid, &wait_status, 0);
  if (wait_status != 0) return fail(ErrorKind::kSystem, "openssl could not make a certificate");
  return {};
}

Result<void> make_certificate(const std::string& directory) {
  const std::string key = directory + kKeyFile;
  auto made = run_openssl(
      {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key});
  if (!made) return made;
  return run_openssl({"req", "-x509", "-key", key, "-batch", "-days", "30", "-subj",
                      "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                      "-out", directory + kCertificateFile});
}

}  // namespace

Result<Demo> Demo::make(const std::filesystem::path& programs) {
  const char* base = std::getenv("TMPDIR");
  std::string pattern = fmt::format("{}/restante-demo.XXXXXX", base != nullptr ? base : "/tmp");
  if (mkdtemp(pattern.data()) == nullptr) {
    return fail(ErrorKind::kSystem, "cannot make {}: {}", pattern, errno_text());
  }
  Demo demo;
  demo.directory_ = pattern;
  if (auto made = make_certificate(demo.directory_); !made) return std::unexpected(made.error());
  if (geteuid() == 0) {
    // A build under a closed home directory can be run by no one but root.
    const passwd* nobody = is_open_to_all(programs) ? getpwnam(kUnprivileged) : nullptr;
    demo.user_ = nobody != nullptr ? kUnprivileged : "root";
    // The files too, because a reload reads them again. The directory comes last: its owner could
    // put links in the place of files that are still to be handed over.
    for (const std::string& path : {pattern + kCertificateFile, pattern + kKeyFile, pattern}) {
      if (nobody == nullptr || lchown(path.c_str(), nobody->pw_uid, nobody->pw_gid) == 0) continue;
      const int error_number = errno;
      return fail(ErrorKind::kSystem, "cannot give {} to {}: {}", path, kUnprivileged,
                  errno_text(error_number));
    }
  }
  return demo;
}

Demo::~Demo() {
  if (directory_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::vector<std::string> Demo::settings() const {
  std::vector<std::string> settings = {"domain=example.com",
                                       "hostname=localhost",
                                       "api_key=" + random_key(),
                                       "redis=private",
                                       "redis_directory=" + directory_ + "/redis",
                                       "runtime_dir=" + directory_ + "/run",
                                       "tls_certificate=" + directory_ + kCertificateFile,
                                       "tls_key=" + directory_ + kKeyFile,
                                       "smtp_listen=127.0.0.1:2525",
                                       "http_listen=127.0.0.1:8080",
                                       "https_listen=127.0.0.1:8443"};
  if (!user_.empty()) settings.push_back("user=" + user_);
  return settings;
}

void Demo::print_welcome(const config::Config& config, std::uint16_t smtp_port,
                         std::uint16_t http_port, std::uint16_t https_port) {
  const std::string key = config.api_key.empty() ? "YOUR-KEY" : config.api_key.front();
  const std::string& domain = config.domain.front();
  fmt::print(R"(
restante is running: SMTP on port {0}, the API on port {2} (HTTPS); port {1} (HTTP) redirects to it.
Every address at {3} is a mailbox. Send a mail to one, then read it:

  swaks --server 127.0.0.1:{0} --tls --to alice@{3} --from bob@example.org --header "Subject: Hello"

  curl -sk -H "X-API-KEY: {4}" https://127.0.0.1:{2}/emails/alice

Ctrl-C ends it and removes everything.

)",
             smtp_port, http_port, https_port, domain, key);
  std::fflush(stdout);
}

}  // namespace restante::master
